import { buildStage, type DemoEnvironment } from './demo/environment.ts';
import { Interrupted, interruption } from './demo/interruption.ts';
import { type DemoOptions, demoOptions, usage } from './demo/options.ts';
import { count, Screen } from './demo/screen.ts';
import { Story } from './demo/story.ts';
import { type Summary, type Verdict, verdictOn } from './demo/verdict.ts';

const startedAt = Date.now();
const release: (() => Promise<void>)[] = [];
process.exitCode = await run(process.argv.slice(2));

async function run(args: readonly string[]): Promise<number> {
  let options: DemoOptions | null;
  try {
    options = demoOptions(args);
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${usage}`);
    return 1;
  }
  if (!options) {
    console.log(usage);
    return 0;
  }
  const screen = new Screen(options.json ? process.stderr : process.stdout);
  try {
    const { summary } = await Promise.race([play(options, screen), interruption()]);
    await releaseAll(screen);
    if (options.json) console.log(JSON.stringify(summary));
    return summary.pass ? 0 : 1;
  } catch (error) {
    screen.still();
    screen.bad(messageOf(error));
    await releaseAll(screen);
    if (options.json)
      console.log(JSON.stringify({ pass: false, error: messageOf(error), seed: options.seed }));
    // What was under way when an interrupt came is not waited for.
    return process.exit(error instanceof Interrupted ? 130 : 1);
  }
}

async function play(options: DemoOptions, screen: Screen): Promise<Verdict> {
  screen.title(
    'Lockstep: a live table moves from MySQL/MariaDB to PostgreSQL, and nothing is lost on the way',
  );
  const stage = await buildStage(screen, options, release);
  const told = await new Story(stage, screen, options).tell();
  await stage.workers.stop();
  const verdict = await verdictOn(stage, told, options.seed, startedAt);
  showVerdict(screen, verdict);
  if (options.keep) showAround(screen, stage, verdict.summary);
  return verdict;
}

function showVerdict(screen: Screen, { summary, comparison, audited }: Verdict): void {
  const { writes, lines, reads } = summary;
  screen.phase('the reckoning', 'both stores by plain SQL, past Lockstep; and the service’s own log');
  const say = (isGood: boolean, text: string) => (isGood ? screen.good(text) : screen.bad(text));
  screen.say(
    `${count(lines.loaded)} lines loaded, ${count(lines.added)} added and ${count(lines.removed)} removed by the service: ${count(lines.expected)} expected`,
  );
  say(lines.found === lines.expected, `${count(lines.found)} lines found in PostgreSQL`);
  say(
    summary.differences === 0,
    `${count(lines.equal)} equal, ${count(lines.ambiguous)} ambiguous (legacy has two names for the product), ${count(lines.sinceLegacyStopped)} changed since legacy stopped, ${count(summary.differences)} different`,
  );
  say(
    writes.lost === 0,
    `${count(writes.acknowledged)} writes acknowledged, ${count(writes.refused)} refused, ${count(writes.unknown)} unknown: ${count(writes.lost)} lost`,
  );
  say(
    reads.wrong === 0,
    `${count(reads.right)} reads with a write's token right, ${count(reads.wrong)} wrong, ${count(reads.failed)} without an answer`,
  );
  say(
    summary.killedWorkers > 0,
    `${summary.killedWorkers} worker killed, PostgreSQL away for ${summary.outageSeconds} seconds`,
  );
  for (const { key, reason } of audited.broken.slice(0, 10)) screen.bad(`order ${key}: ${reason}`);
  for (const { rowId, columns } of comparison.different.slice(0, 10))
    screen.bad(`line ${rowId}: ${columns.join(', ')}`);
  if (comparison.onlyLegacy.length > 0)
    screen.bad(`only in legacy: lines ${comparison.onlyLegacy.slice(0, 10).join(', ')}`);
  if (comparison.onlyModern.length > 0)
    screen.bad(`only in modern: lines ${comparison.onlyModern.slice(0, 10).join(', ')}`);
  if (summary.links.migration) screen.say(`the migration in Temporal UI: ${summary.links.migration}`);
  if (summary.links.writes) screen.say(`its writes: ${summary.links.writes}`);
  screen.title(
    `${summary.pass ? screen.color.green('Nothing was lost.') : screen.color.red('Something is wrong.')} ${summary.seconds} seconds, seed ${summary.seed}`,
  );
}

function showAround(screen: Screen, stage: DemoEnvironment, summary: Summary): void {
  screen.plain('Servers and databases stay up. To look around:');
  if (summary.links.migration) screen.plain(`  the migration   ${summary.links.migration}`);
  screen.plain('  the servers     npm run lockstep -- dev status');
  screen.plain(`  the service     ${stage.folder}/promises.jsonl`);
  screen.plain(`  the workers     ${stage.folder}/worker-*.log`);
  screen.plain('  to end it       npm run lockstep -- dev down');
}

/** Last first; what cannot be released is said, and the rest goes on. */
async function releaseAll(screen: Screen): Promise<void> {
  for (const releasing of release.splice(0).toReversed()) {
    try {
      await releasing();
    } catch (error) {
      screen.bad(messageOf(error));
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
