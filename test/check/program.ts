import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { type Register, runShell } from "../../check/cli/shell.ts";

/** The built program. */
export const MAIN = fileURLToPath(new URL("../../dist/check/cli/main.js", import.meta.url));

/** What a process came to. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the built program in a process of its own. */
export function hmmspec(
  args: readonly string[],
  { cwd, env = {}, input = "" }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {},
): Ended {
  if (!existsSync(MAIN)) throw new Error("run `npm run build` first: these tests run the built program");
  const result = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: "utf8",
    input,
    cwd,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

/** Runs one command in this process: for what ends before it begins. */
export async function inProcess(command: Register, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const written = { out: "", err: "" };
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => Boolean((written.out += String(text))));
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => Boolean((written.err += String(text))));
  vi.stubEnv("NO_COLOR", "1");
  vi.stubEnv("SEED", "");
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    return { code: await runShell(["node", "hmmspec", ...args], [command]), ...written };
  } finally {
    vi.unstubAllEnvs();
    out.mockRestore();
    err.mockRestore();
  }
}
