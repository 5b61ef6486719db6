import type { Sometimes } from "../property.ts";

/** Two processes have an entry of the same swap slot. */
export const swapSlotShared: Sometimes = {
  id: "swap-slot-shared",
  kind: "sometimes",
  of: "swap-slots",
  spec: ["FRK-5"],
  statement: "Two processes have an entry of the same swap slot.",
  met(_was, _move, now) {
    for (let slot = 0; slot < now.slots; slot++) if (now.slotEntries[slot]! > 1) return true;
    return false;
  },
};
