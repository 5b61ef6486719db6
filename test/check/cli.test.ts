import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CAC } from "cac";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { colorsFor } from "../../check/cli/colors.ts";
import { badUsage, type Register, runShell } from "../../check/cli/shell.ts";
import { VERSION } from "../../check/cli/version.ts";
import { EXIT } from "../../check/exit-codes.ts";

const MAIN = fileURLToPath(new URL("../../dist/check/cli/main.js", import.meta.url));
const ENVIRONMENT = { PATH: process.env["PATH"] ?? "" };

/** Runs the built program in a process of its own. */
function hmmspec(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { code: number | null; out: string; err: string } {
  const result = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", env: { ...ENVIRONMENT, ...environment } });
  return { code: result.status, out: result.stdout, err: result.stderr };
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error("run `npm run build` first: these tests run the built program");
});

describe("the built program", () => {
  it("shows its help", () => {
    const { code, out, err } = hmmspec(["--help"]);
    expect({ code, err }).toEqual({ code: EXIT.ok, err: "" });
    expect(out).toContain("$ hmmspec <command> [options]");
    expect(out).not.toContain("\u001b");
  });

  it("shows the version of the package", () => {
    const { code, out, err } = hmmspec(["--version"]);
    expect({ code, err }).toEqual({ code: EXIT.ok, err: "" });
    expect(out).toMatch(new RegExp(`^hmmspec/${VERSION.replaceAll(".", "\\.")} .*\n$`));
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    expect(VERSION).toBe(version);
  });

  it.each<[string[], string]>([
    [[], "hmmspec: bad-usage: no command given, see hmmspec --help\n"],
    [["jugde", "x"], `hmmspec: bad-usage: unknown command "jugde", see hmmspec --help\n`],
    [["\u001b[2J\n"], `hmmspec: bad-usage: unknown command "\\u001b[2J\\n", see hmmspec --help\n`],
    [["-"], `hmmspec: bad-usage: unknown command "-", see hmmspec --help\n`],
    [["--colour"], "hmmspec: bad-usage: unknown option `--colour`, see hmmspec --help\n"],
    [["-q"], "hmmspec: bad-usage: unknown option `-q`, see hmmspec --help\n"],
  ])("refuses %j in one line", (args, err) => {
    expect(hmmspec(args)).toEqual({ code: EXIT.usage, out: "", err });
  });

  it("colours only if asked to, and never with NO_COLOR", () => {
    expect(hmmspec(["x"], { FORCE_COLOR: "1" }).err).toContain("\u001b[31mhmmspec\u001b[39m: ");
    expect(hmmspec(["x"], { FORCE_COLOR: "1", NO_COLOR: "1" }).err).toMatch(/^hmmspec: /);
    expect(hmmspec(["x"], { CI: "1" }).err).toMatch(/^hmmspec: /);
  });

  it("ends quietly when nobody reads its output", async () => {
    const child = spawn(process.execPath, [MAIN, "--help"], { env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const [code] = (await once(child, "close")) as [number | null];
    expect({ code, err }).toEqual({ code: EXIT.pipe, err: "" });
  });
});

describe("the shell", () => {
  let written = "";
  beforeEach(() => {
    written = "";
    vi.stubEnv("NO_COLOR", "1");
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      written += String(text);
      return true;
    });
    vi.spyOn(console, "info").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  /** A command `probe <file> [--level <n>]` with the given action. */
  const probe = (action: (file: string, options: Readonly<Record<string, unknown>>) => unknown): Register => {
    return (cli: CAC) => {
      cli.command("probe <file>", "For tests").option("--level <n>", "A level").action(action);
    };
  };
  const run = async (args: readonly string[], action: Parameters<typeof probe>[0] = () => EXIT.ok): Promise<number> =>
    runShell(["node", "hmmspec", ...args], [probe(action)]);

  it.each(Object.values(EXIT))("passes on the exit code %i of a command", async (code) => {
    expect(await run(["probe", "f"], () => code)).toBe(code);
    expect(await run(["probe", "f"], async () => Promise.resolve(code))).toBe(code);
    expect(written).toBe("");
  });

  it("passes on arguments and options, and takes all that follows a -- for arguments", async () => {
    const seen: unknown[] = [];
    const action = (file: string, options: Readonly<Record<string, unknown>>): number => {
      seen.push(file, options["level"]);
      return EXIT.ok;
    };
    await run(["probe", "-", "--level", "3"], action);
    await run(["probe", "--level", "-", "f"], action);
    await run(["probe", "--level=-", "f"], action);
    await run(["probe", "--", "--level"], action);
    await run(["probe", "--", "-"], action);
    expect(seen).toEqual(["-", 3, "f", "-", "f", "-", "--level", undefined, "-", undefined]);
  });

  it.each<[string[], string]>([
    [["probe"], "hmmspec: bad-usage: missing required args for command `probe <file>`, see hmmspec --help\n"],
    [["probe", "f", "g"], "hmmspec: bad-usage: unused args: `g`, see hmmspec --help\n"],
    [["probe", "f", "--levle", "3"], "hmmspec: bad-usage: unknown option `--levle`, see hmmspec --help\n"],
    [["probe", "f", "--level"], "hmmspec: bad-usage: option `--level <n>` value is missing, see hmmspec --help\n"],
  ])("refuses %j in one line", async (args, err) => {
    expect(await run(args)).toBe(EXIT.usage);
    expect(written).toBe(err);
  });

  it("lets a command refuse a value", async () => {
    expect(await run(["probe", "f"], () => badUsage("-1 at --level, expected 0 or more"))).toBe(EXIT.usage);
    expect(written).toBe("hmmspec: bad-usage: -1 at --level, expected 0 or more\n");
  });

  it.each<[string, unknown, string]>([
    ["an error", new RangeError("page 9\nof 8"), "hmmspec: bug: RangeError: page 9\\nof 8\n"],
    ["anything", "a string", "hmmspec: bug: a string\n"],
  ])("reports a command that throws %s as our bug", async (_, thrown, err) => {
    const throws = (): never => {
      throw thrown;
    };
    expect(await run(["probe", "f"], throws)).toBe(EXIT.bug);
    expect(await run(["probe", "f"], async () => Promise.reject(thrown as Error))).toBe(EXIT.bug);
    expect(written).toBe(err + err);
  });

  it("adds the stack if HMMSPEC_DEBUG is set", async () => {
    vi.stubEnv("HMMSPEC_DEBUG", "1");
    await run(["probe", "f"], () => Promise.reject(new Error("x")));
    expect(written).toMatch(/^hmmspec: bug: Error: x\nError: x\n {4}at /);
  });

  it("takes a command without an exit code for our bug", async () => {
    expect(await run(["probe", "f"], () => undefined)).toBe(EXIT.bug);
    expect(written).toBe("hmmspec: bug: TypeError: the command probe answered undefined instead of an exit code\n");
  });
});

describe("colours", () => {
  it.each<[boolean, Record<string, string>, boolean]>([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
    [false, { FORCE_COLOR: "1" }, true],
    [false, { FORCE_COLOR: "0" }, false],
  ])("on a terminal: %j, with %j: %j", (isTTY, environment, expected) => {
    expect(colorsFor({ isTTY }, environment).isColorSupported).toBe(expected);
  });
});
