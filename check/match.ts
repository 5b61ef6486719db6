import type { Ret } from "../spec/vocabulary.ts";

/** A byte that the model cannot know (a stale access read it) allows any answer. */
function byte(allowed: number | null | undefined, observed: number | undefined): boolean {
  return allowed === null ? observed !== undefined : allowed === observed;
}

function bytes(allowed: readonly (number | null)[] | undefined, observed: readonly number[] | undefined): boolean {
  if (allowed === undefined || observed === undefined) return allowed === observed;
  return allowed.length === observed.length && allowed.every((value, i) => byte(value, observed[i]));
}

function strings(allowed: readonly string[] | undefined, observed: readonly string[] | undefined): boolean {
  if (allowed === undefined || observed === undefined) return allowed === observed;
  return allowed.length === observed.length && allowed.every((value, i) => value === observed[i]);
}

/** Whether an answer is the allowed one. The text of a crash is for people and is not compared. */
export function matches(allowed: Ret, observed: Ret): boolean {
  if (allowed.status === "errno") return observed.status === "errno" && allowed.errno === observed.errno;
  if (allowed.status === "signal") return observed.status === "signal" && allowed.signal === observed.signal;
  if (allowed.status === "crash") return observed.status === "crash";
  return (
    observed.status === "ok" &&
    byte(allowed.value, observed.value) &&
    allowed.cpages === observed.cpages &&
    allowed.faults === observed.faults &&
    bytes(allowed.data, observed.data) &&
    strings(allowed.entries, observed.entries)
  );
}

/** An answer in one line, as people read it. */
export function showRet(ret: Ret | undefined): string {
  if (ret === undefined) return "nothing";
  if (ret.status === "errno") return ret.errno;
  if (ret.status === "signal") return ret.signal;
  if (ret.status === "crash") return `crash (${ret.log})`;
  const { status, ...fields } = ret;
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${showField(value)}`);
  return [status, ...shown].join(" ");
}

/** A field of an answer: numbers and strings as they are, `?` for a byte that nobody can know. */
function showField(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showField).join(",")}]`;
  return typeof value === "number" || typeof value === "string" ? `${value}` : "?";
}

/** A call in one line, as people read it. */
export function showCall(call: { readonly op: string }): string {
  const { op, ...args } = call;
  return [op, ...Object.entries(args).map(([name, value]) => `${name}=${showField(value)}`)].join(" ");
}
