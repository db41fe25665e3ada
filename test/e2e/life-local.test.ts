import { life } from "./suites/life.ts";

life("local");
