import pc from 'picocolors';
import { failureOfTemporal } from '../client/temporal/operator-connection.ts';
import { LockstepError } from '../model/failure.ts';
import type { AnyFailureCode } from '../model/failure-codes.ts';
import { unforeseen } from '../model/unforeseen.ts';
import { oneLine, shown } from './shown.ts';

/** 0 fine · 1 error · 2 differences or work pending · 3 preflight failed · 4 refused by a gate */
export const exit = { fine: 0, error: 1, pending: 2, preflight: 3, refused: 4 } as const;

export interface Output {
  /** With `--json` the one object that goes to stdout; else the lines. */
  result(object: unknown, lines: readonly string[]): void;
  note(line: string): void;
}

export function createOutput(json: boolean): Output {
  return {
    result(object, lines) {
      // In JSON what stands for such a character is its escape.
      process.stdout.write(`${shown(json ? JSON.stringify(object) : lines.join('\n'))}\n`);
    },
    note(line) {
      process.stderr.write(`${shown(line)}\n`);
    },
  };
}

/** Prints a failure, as JSON on stdout where that was asked for, and gives the exit code. */
export function reportFailure(error: unknown, json: boolean): number {
  const failure = lockstepFailure(error);
  const { message } = failureOf(error);
  if (json) {
    process.stdout.write(
      `${shown(JSON.stringify({ error: { code: failure?.code ?? 'Unexpected', message, ...failure?.details } }))}\n`,
    );
  } else {
    process.stderr.write(`${pc.red(failure ? failure.code : 'Error')}: ${shown(message)}\n`);
  }
  // Whoever asks for it has the text as well, whatever it quotes.
  if (!failure && process.env.LOCKSTEP_DEBUG)
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return failure ? exitCodeOf(failure) : exit.error;
}

/** An error in words for an operator. */
export function failureOf(error: unknown): Error {
  return lockstepFailure(error) ?? new Error(`${unforeseen(error).message}; LOCKSTEP_DEBUG=1 shows it`);
}

function lockstepFailure(error: unknown): LockstepError | null {
  return error instanceof LockstepError ? error : failureOfTemporal(error, process.env);
}

export function exitCodeOf({ code, details }: LockstepError): number {
  if (code === 'InvalidInput' && details.path !== undefined) return exit.refused;
  return exitOf[code] ?? exit.error;
}

/** Of failures that have an exit code of their own. */
export const exitOf: Partial<Record<AnyFailureCode, number>> = {
  GateRefused: exit.refused,
  InvalidDefinition: exit.preflight,
  NotPrepared: exit.preflight,
  DefinitionChanged: exit.preflight,
  StoreUnavailable: exit.preflight,
  TemporalUnavailable: exit.preflight,
};

export function table(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map(oneLine));
  const widths = cells.reduce<number[]>(
    (known, row) => row.map((cell, at) => Math.max(known[at] ?? 0, cell.length)),
    [],
  );
  return cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
