/** Simpler calls than a given one, the simplest first. */
import type { ModelCall } from "../../spec/vocabulary.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Changes of one field, in the order in which they are tried. */
function changesOf(call: Fields): Fields[] {
  const { page, npages, to, dev, value, prot, map, child, chunk } = call;
  const changes: Fields[] = [];
  if (typeof npages === "number" && npages > 1) {
    changes.push({ npages: 1 });
    if (typeof page === "number") changes.push({ page: page + npages - 1, npages: 1 });
    changes.push({ npages: npages - 1 });
    if (typeof page === "number") changes.push({ page: page + 1, npages: npages - 1 });
  }
  if (typeof page === "number" && page > 0) changes.push({ page: 0 }, { page: page - 1 });
  if (typeof to === "number" && to > 0) changes.push({ to: 0 }, { to: to - 1 });
  if (typeof dev === "number" && dev > 0) changes.push({ dev: 0 });
  if (typeof value === "number" && value > 1) changes.push({ value: 1 }, { value: 2 });
  if (typeof prot === "string" && prot !== "rw") changes.push({ prot: "rw" });
  if (typeof map === "string" && map !== "private") changes.push({ map: "private" });
  if (typeof child === "number" && child > 1) changes.push({ child: 1 });
  if (typeof chunk === "number" && chunk > 0) changes.push({ chunk: 0 });
  return changes;
}

/** Fields that may be left out. */
const OPTIONAL = ["files", "minor", "lacks", "without"];

/** What the CPU can do instead of a device. */
function byCpu(call: ModelCall): ModelCall[] {
  if (call.op === "device_read") return [{ op: "cpu_read", page: call.page }];
  return call.op === "device_write" ? [{ op: "cpu_write", page: call.page, value: call.value }] : [];
}

/** Calls like this one with one thing simpler. */
export function simplerCalls(call: ModelCall): ModelCall[] {
  const fields: Fields = { ...call };
  const changed = changesOf(fields).map((change) => ({ ...fields, ...change }));
  const without = OPTIONAL.filter((name) => name in fields).map((name) =>
    Object.fromEntries(Object.entries(fields).filter(([other]) => other !== name)),
  );
  return [...byCpu(call), ...([...changed, ...without] as unknown as ModelCall[])];
}
