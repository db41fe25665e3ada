import { safety } from "./suites/safety.ts";

safety("local");
