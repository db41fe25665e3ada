// What the CLI starts. Its starter of policy packs compiles a TypeScript main file with ts-node whatever the options
// say (pulumi/pulumi, sdk/nodejs/cmd/run-policy-pack); imported from here, Node.js reads the TypeScript itself.
import "../cli/require-node.mjs";
import "./index.ts";
