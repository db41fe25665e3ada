import { afterEach, expect, it, vi } from "vitest";
import { runMain } from "../../cli/run-main.ts";
import { UserError } from "../../cli/user-error.ts";
import { ServicesError } from "../../dev/services/error.ts";

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

it.each([UserError, ServicesError])(
  "shows a %o as one message without a stack trace, and ends with 1",
  async (Kind) => {
    const written: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => written.push(String(text)) > 0);
    // The channel to vitest's own process must stay.
    vi.spyOn(process, "connected", "get").mockReturnValue(false);
    await runMain(() => Promise.reject(new Kind("install the package python3-venv")));
    expect(written).toEqual(["error: install the package python3-venv\n"]);
    expect(process.exitCode).toBe(1);
  },
);

it("lets a defect through with its stack trace", async () => {
  vi.spyOn(process, "connected", "get").mockReturnValue(false);
  await expect(runMain(() => Promise.reject(new TypeError("x is undefined")))).rejects.toThrow(TypeError);
});
