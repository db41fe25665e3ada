import { pools } from "./suites/pools.ts";

pools("local");
