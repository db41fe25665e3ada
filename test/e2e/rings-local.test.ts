import { rings } from "./suites/rings.ts";

rings("local");
