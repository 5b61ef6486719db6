/** Swap slots count their users and know their cache. */
import type { Always } from "../property.ts";
import { taken } from "../sweep.ts";

/** A swap slot has a user for each entry that refers to it, and it and the frame in its cache name each other. */
export const swapSlots: Always = {
  id: "swap-slots",
  kind: "always",
  spec: ["FRM-2", "RCL-8", "RCL-9", "FRK-5", "MIG-31"],
  statement: "A swap slot has as many users as entries refer to it, and the frame in its cache names it.",
  check(now) {
    const { view } = now;
    for (let slot = 0; slot < now.slots; slot++) {
      if (view.slotUsers(slot) !== now.slotEntries[slot])
        return `swap slot ${slot} has ${view.slotUsers(slot)} users, ${now.slotEntries[slot]} entries refer to it`;
      const cache = view.slotCache(slot);
      if (cache >= 0 && (now.slot[cache] !== slot || !taken(now, cache)))
        return `swap slot ${slot} has frame ${cache}, which names slot ${now.slot[cache]}`;
    }
    for (let pfn = 0; pfn < now.frames; pfn++) {
      const slot = now.slot[pfn]!;
      if (slot >= 0 && view.slotCache(slot) !== pfn) return `frame ${pfn} names swap slot ${slot}, which has frame ${view.slotCache(slot)}`;
    }
    return null;
  },
};
