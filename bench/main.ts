/** `npm run bench`: what is measured by name; without one, N tenants on each engine of this machine. */
const named: Readonly<Record<string, string>> = { fleet: "./fleet.ts", vectors: "./vectors.ts" };
const [, , name = ""] = process.argv;
const chosen = named[name];
if (chosen !== undefined) process.argv.splice(2, 1);
await import(chosen ?? "./engines.ts");

export {};
