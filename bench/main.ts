/** `npm run bench`: what is measured by name; without one, N tenants on each engine of this machine. */
if (process.argv[2] === "vectors") {
  process.argv.splice(2, 1);
  await import("./vectors.ts");
} else {
  await import("./engines.ts");
}
