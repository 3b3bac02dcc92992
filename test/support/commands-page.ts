import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createProgram } from '../../cli/program.ts';

export const pagePath = join(import.meta.dirname, '../../docs/commands.md');

/** `docs/commands.md`, from the commands themselves. Run this file to write it. */
export function commandsPage(): string {
  const program = createProgram();
  return `# Commands

Written by \`node test/support/commands-page.ts\` from the command's own help. \`npx lockstep --help\` and \`npx lockstep COMMAND --help\`
print the same.

## For every command

${optionTable(program)}
Global options may stand before or after the name of the command. Commands that change something ask for confirmation first.
A command that waits says for what, on stderr, after three seconds and again; it ends with the cause and what to do. What is wrong with the
arguments is told as JSON too, where \`--json\` is among them.

| exit code | meaning |
| --- | --- |
| 0 | fine |
| 1 | error |
| 2 | differences, or work that is owed, parked or overdue |
| 3 | preflight failed: configuration, control tables or servers are not ready |
| 4 | refused by a gate, or a value that a message does not take |

| variable | holds |
| --- | --- |
| \`LOCKSTEP_LEGACY_URL\`, \`LOCKSTEP_MODERN_URL\` | connection strings, unless the configuration names other variables |
| \`TEMPORAL_ADDRESS\`, \`TEMPORAL_NAMESPACE\`, \`TEMPORAL_CONFIG_FILE\` … | Temporal's own settings |
| \`LOCKSTEP_CONFIG\` | the configuration file, default \`lockstep.config.ts\` |
| \`LOCKSTEP_ENCRYPTION_KEY\` | keys that encrypt what Temporal keeps: base64 of 32 bytes each, comma-separated; the first encrypts, all decrypt |
| \`LOCKSTEP_ENCRYPTION\` | \`required\` (the default with a key) refuses what is not encrypted, \`optional\` takes it |
| \`LOCKSTEP_CODEC_TOKEN\` | what callers of \`lockstep codec\` must show |
| \`LOCKSTEP_DEBUG\` | set to print the text and stack of an unexpected error; they may quote a row |

${leaves(program)
  .map((command) => section(command))
  .join('\n')}`;
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function section(command: Command): string {
  const given = command.registeredArguments.map((argument) => ` <${argument.name()}>`).join('');
  const described = command.registeredArguments
    .filter((argument) => argument.description)
    .map((argument) => `\`${argument.name()}\`: ${argument.description}.\n\n`)
    .join('');
  return `## \`lockstep ${nameOf(command)}${given}\`

${sentence(command.description())}

${described}${optionTable(command)}`;
}

function nameOf(command: Command): string {
  const parent = command.parent;
  return parent?.parent ? `${nameOf(parent)} ${command.name()}` : command.name();
}

function optionTable(command: Command): string {
  const options = command.options.filter((option) => !option.hidden);
  if (options.length === 0) return '';
  const rows = options.map(({ flags, description, defaultValue }) => {
    const shown = defaultValue === undefined || defaultValue === false || isEmptyList(defaultValue);
    return `| \`${flags}\` | ${description} | ${shown ? '' : `\`${String(defaultValue)}\``} |`;
  });
  return `| option | meaning | default |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

if (import.meta.main) writeFileSync(pagePath, commandsPage());
