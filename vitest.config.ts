import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // A forgotten `.only` would make a green run out of one test.
    allowOnly: false,
    pool: "threads",
    maxWorkers: 2,
    testTimeout: 20_000,
  },
});
