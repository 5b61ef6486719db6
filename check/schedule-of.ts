/** The schedule of a failure of a campaign. */
import type { CampaignFailure } from "./campaign.ts";
import { numbered, type Schedule } from "./schedule.ts";

/** The run that shows a failure, minimised if that was possible, as a schedule that replays by itself. */
export function scheduleOf({ failure, run, testCase, actions, minimal }: CampaignFailure, seed: number, mutant: string | null): Schedule {
  const { core, driver, switches, config, bounds } = testCase;
  const how = minimal === null ? "" : `, minimised from ${actions.length} actions`;
  return {
    header: {
      format: "hmm-schedule",
      version: 1,
      id: `${failure.id.replaceAll(/[^\w-]+/g, "-").slice(0, 200)}-seed-${seed}-run-${run}`,
      profile: core,
      driver,
      ...(Object.keys(switches).length > 0 && { switches }),
      config: minimal?.size.config ?? config,
      bounds: minimal?.size.bounds ?? bounds,
      property: failure.id.slice(0, 256),
      ...(mutant !== null && { mutant }),
      source: `hmmspec check, seed ${seed}, run ${run}${how}`,
    },
    actions: minimal === null ? numbered(actions) : numbered(minimal.actions, minimal.outcomes),
  };
}
