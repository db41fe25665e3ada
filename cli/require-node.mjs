// Loaded before the program: an older Node.js cannot read TypeScript, and would say so with a stack trace.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `error: Node.js ${process.versions.node} cannot run this stack; it needs 22.18 or newer. ` +
      `Run \`npm run dev\` once, then \`source .dev/env\` in this shell: it puts the pinned Node.js first on PATH.\n`,
  );
  process.exit(32);
}
