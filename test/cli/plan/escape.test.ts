import fc from "fast-check";
import { marked, type Token } from "marked";
import { describe, expect, it } from "vitest";
import { code, prose } from "../../../cli/plan/escape.ts";
import { quiet, shownPair, visible } from "../../../cli/plan/text.ts";

/** Every kind of token that a text makes in Markdown, and the text that is seen. */
function rendered(text: string): { kinds: Set<string>; seen: string; html: string } {
  const kinds = new Set<string>();
  const walk = (token: Token): void => void kinds.add(token.type);
  void marked.walkTokens(marked.lexer(text, { gfm: true }), walk);
  const html = marked.parse(text, { gfm: true, async: false });
  return { kinds, seen: decode(html.replaceAll(/<\/?(?:code|p)>/g, "")), html };
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', amp: "&" };

/** Once: what an entity stands for is text, even where it looks like another one. */
function decode(html: string): string {
  return html.replaceAll(/&(?:#(\d+)|(lt|gt|quot|amp));/g, (_all, number?: string, name?: string) =>
    number === undefined ? (entities[name ?? ""] ?? "") : String.fromCodePoint(Number(number)),
  );
}

const hostile = [
  "](https://evil.example) ![x](https://evil.example/p.png)",
  "<script>alert(1)</script><img src=x onerror=alert(1)>",
  "</code></details><h1>✅ safe</h1>",
  "`code` ``` ~~~",
  "| a | b |\n| - | - |",
  "# heading\n- [x] list\n> quote\n1. one",
  "<!-- tenancy-plan --> -->",
  "@octocat @org/team #123 GH-7 org/repo#1 https://evil.example www.evil.example a@evil.example",
  "::set-output name=x::y\n::add-mask::a ##[error]b",
  "${{ secrets.TOKEN }} $(id) `id` $x$ $$x$$",
  "a\u202eb\u200bc\u0000d\u001be\u2028f\ufeffg\u{e0041}h",
  "&lt;b&gt; &#64;octocat &commat;octocat",
  "*a* _b_ ~~c~~ **d** \\ \\* [a]: https://evil.example",
  ":tada: 1) 2. --- === ***",
];

describe("code", () => {
  it.each(hostile)("shows %j as it is and makes nothing of it", (text) => {
    const { kinds, seen, html } = rendered(code(text, false));
    expect([...kinds].sort()).toEqual(["html", "paragraph", "text"]);
    expect(html.match(/<[^>]*>/g)).toEqual(["<p>", "<code>", "</code>", "</p>"]);
    expect(seen.trim()).toBe(visible(text));
  });

  it("lets no text at all out of its element", () => {
    const any = fc.string({
      unit: fc.oneof(
        fc.constantFrom(...Array.from("`<>&|[]()*_~#@:$!-+.\\\"'\n\r\t {}/=w")),
        fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      ),
    });
    fc.assert(
      fc.property(any, (text) => {
        const { seen, html } = rendered(`x ${code(text, false)} y`);
        expect(html.match(/<[^>]*>/g)).toEqual(["<p>", "<code>", "</code>", "</p>"]);
        const shown = visible(text);
        expect(seen.trim()).toBe(`x ${shown.trim() === "" ? `"${shown}"` : shown} y`);
      }),
      { numRuns: 1000 },
    );
  });

  it("stays in its cell of a table", () => {
    const { html } = rendered(`| a | b |\n| --- | --- |\n| ${code("x | y \\| z\n| q |", false)} | 2 |`);
    expect(html.match(/<td>/g)).toHaveLength(2);
    expect(decode(html)).toContain("x | y \\| z\\n| q |");
  });

  it("shows that a text is empty or made of spaces", () => {
    expect(code("")).toBe("<code>&quot;&quot;</code>");
    expect(code("  ")).toBe("<code>&quot;&#32;&#32;&quot;</code>");
  });
});

describe("prose", () => {
  it.each(hostile)("makes neither links nor mentions of %j", (text) => {
    const { kinds, html } = rendered(`- ${prose(text)}`);
    expect([...kinds].sort()).toEqual(["list", "list_item", "text"]);
    // What GitHub looks for in the rendered text: a name or number right behind its mark, an address with its scheme.
    expect(decode(html)).not.toMatch(/@[a-z0-9]|#\d|:\/\/|www\.|\bGH-\d/i);
  });
});

describe("visible", () => {
  it("writes out what cannot be seen, and what turns the text around it", () => {
    expect(visible("a\u202eb\u200b\n\u0007\u{e0041}\ud800\u00ad")).toBe(
      "a\\u{202e}b\\u{200b}\\n\\u{7}\\u{e0041}\\u{d800}\\u{ad}",
    );
    expect(visible("Zürich – Łódź 東京 עברית")).toBe("Zürich – Łódź 東京 עברית");
  });
});

describe("quiet", () => {
  it("leaves no command of GitHub Actions in a line of a log", () => {
    expect(quiet("::error::x")).toBe("\\u{3a}:error::x");
    expect(quiet("  ::add-mask::x")).toBe("  \\u{3a}:add-mask::x");
    expect(quiet("a ##[group]x\n::b")).toBe("a #\\u{23}[group]x\\n::b");
  });
});

describe("shownPair", () => {
  it("cuts two long values to where they differ, so that no change hides behind the cut", () => {
    const [one, other] = shownPair(`${"a".repeat(500)}X${"b".repeat(500)}`, `${"a".repeat(500)}Y${"b".repeat(500)}`);
    expect(one).toContain("aX");
    expect(other).toContain("aY");
    expect(one).toContain("(1001 characters)");
    expect(one?.length).toBeLessThan(150);
  });

  it("leaves values different that are different, whatever they are", () => {
    const long = fc.string({ minLength: 0, maxLength: 400 });
    fc.assert(
      fc.property(long, long, (one, other) => {
        const [was, is] = shownPair(one, other);
        expect(was === is).toBe(one === other);
      }),
    );
  });
});
