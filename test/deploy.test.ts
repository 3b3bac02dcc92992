import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { metricTable } from '../activities/metric-table.ts';
import { createProgram } from '../cli/program.ts';
import { which } from '../deploy/dev/programs.ts';
import { promtool } from './support/promtool.ts';

const root = join(import.meta.dirname, '..');
const inDeploy = (path: string) => join(root, 'deploy', path);
const textOf = (path: string) => readFileSync(inDeploy(path), 'utf8');

interface Dashboard {
  readonly panels: readonly { title: string; description?: string; targets?: { expr: string }[] }[];
  readonly annotations: { readonly list: readonly { expr: string }[] };
}

function expressions(): string[] {
  const { panels, annotations }: Dashboard = JSON.parse(textOf('grafana/lockstep.json'));
  return [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...annotations.list.map(({ expr }) => expr),
  ].map((text) => text.replaceAll('$__rate_interval', '1m'));
}

/** Names of metrics without what a histogram adds. */
function metricsIn(text: string): string[] {
  return [...text.matchAll(/\b(?:dual_write|post_write|migration)_\w+/g)].map(([name]) =>
    name.replace(/_seconds_(?:bucket|sum|count)$/, '_seconds'),
  );
}

test('dashboard and alerts ask for metrics that there are, and the dashboard for all', () => {
  const known = Object.keys(metricTable);
  const shown = new Set(expressions().flatMap(metricsIn));
  for (const name of [...shown, ...metricsIn(textOf('prometheus/alerts.yml').replaceAll(/^.*#.*$/gm, ''))])
    expect(known).toContain(name);
  const left = known.filter((name) => !shown.has(name));
  // What others beside them say better.
  expect(left).toEqual([
    'migration_overdue',
    'migration_paused',
    'migration_evidence_differences',
    'migration_backfill_running',
    'migration_backfill_expected_keys',
  ]);
});

test('each panel says what it shows', () => {
  const { panels }: Dashboard = JSON.parse(textOf('grafana/lockstep.json'));
  for (const { title, description, targets } of panels)
    expect({ title, isTold: targets === undefined || Boolean(description) }).toEqual({ title, isTold: true });
});

test('promtool takes rules, their tests, the configuration and what the dashboard asks', async ({ skip }) => {
  const tool = await promtool();
  if ('unavailable' in tool) return skip(tool.unavailable);
  const check = (...args: string[]) => expect(tool(args)).toMatchObject({ ok: true });
  check('check', 'rules', inDeploy('prometheus/alerts.yml'));
  check('check', 'config', inDeploy('prometheus/prometheus.yml'));
  check('test', 'rules', inDeploy('prometheus/alerts.test.yml'));
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-dashboard-'));
  try {
    const file = join(folder, 'dashboard.yml');
    const rules = expressions().map((expr, at) => ({ record: `panel:${at}`, expr }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    check('check', 'rules', file);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('each alert is tested, raised and not raised', () => {
  const alerts = [...textOf('prometheus/alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const tests = textOf('prometheus/alerts.test.yml');
  for (const name of alerts) {
    expect(tests).toContain(`alertname: ${name}, exp_alerts: []`);
    expect(tests).toMatch(new RegExp(`alertname: ${name}\\n +exp_alerts:`));
  }
});

test('the compose file gives only commands and options that there are', () => {
  const program = createProgram();
  const lines = [
    readFileSync(join(root, 'docker-compose.yml'), 'utf8'),
    textOf('Dockerfile'),
    textOf('start.sh'),
  ]
    .join('\n')
    .matchAll(/node_modules\/\.bin\/lockstep(?:", "| )([^\]\n)]*)/g);
  const commands = [...lines].map(([, rest = '']) => rest.split(/"?, "|"| /).filter((word) => word !== ''));
  expect(commands.length).toBeGreaterThan(3);
  for (const [name, ...args] of commands) {
    const command = program.commands.find((one) => one.name() === name);
    expect({ name, isThere: command !== undefined }).toEqual({ name, isThere: true });
    for (const option of args.filter((word) => word.startsWith('--')))
      expect(command?.options.map(({ long }) => long)).toContain(option);
  }
});

test('Docker Compose takes the file; its worker has health and metrics, and what comes before it is waited for', ({
  skip,
}) => {
  const tool = which('docker-compose');
  if (tool === undefined)
    return skip('there is no docker-compose on the PATH (apt-get install docker-compose)');
  const said = execFileSync(tool, ['--file', join(root, 'docker-compose.yml'), 'config'], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  for (const part of [
    'service_completed_successfully',
    '--health',
    '--metrics',
    '0.0.0.0:9464',
    'prom/prometheus',
    'grafana/grafana',
  ])
    expect(said).toContain(part);
  for (const port of said.matchAll(/^ +- (\S+:\d+)\/tcp$/gm)) expect(port[1]).toMatch(/^127\.0\.0\.1:/);
});
