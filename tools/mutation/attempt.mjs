/**
 * One mutant: random runs under all properties, of the mutated side alone and of both sides in lockstep, until something shows or the time is up.
 * Exit code 1: it showed, and the last line says how.
 */
import { join } from "node:path";

const [place, , seconds] = process.argv.slice(2);
const load = (part) => import(join(place, "dist", part, "index.js"));
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

try {
  const [{ campaign, subjectFactory }, { PROFILE_NAMES, PROPERTIES }] = await Promise.all([load("check"), load("properties")]);
  const properties = PROPERTIES.filter(({ kind }) => kind !== "sometimes");
  const end = cpu() + Number(seconds);
  const { state, next } = campaign({
    seed: 1,
    runs_max: 2 ** 21 - 1,
    stop: () => cpu() > end,
    profiles: PROFILE_NAMES,
    make: subjectFactory("lockstep"),
    properties,
    minimise: { stop: () => true },
  });
  while (next());
  if (state.failure !== null) {
    console.log(`${state.failure.failure.id}: ${state.failure.failure.text}`);
    process.exitCode = 1;
  }
} catch (error) {
  console.log(`${error.name}: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
}
