import { once } from 'node:events';
import type { Command } from 'commander';
import { serveCodec } from '../client/temporal/codec-server.ts';
import { encryptionKeyVariable, encryptionOf } from '../client/temporal/encryption-keys.ts';
import { LockstepError } from '../model/failure.ts';
import { createOutput } from './output.ts';
import { globalOptions } from './session.ts';

const tokenVariable = 'LOCKSTEP_CODEC_TOKEN';
const minTokenLength = 16;

export function addCodecCommand(program: Command): void {
  program
    .command('codec')
    .description(
      "decode payloads for Temporal's UI and command line, until SIGTERM or SIGINT; needs LOCKSTEP_CODEC_TOKEN",
    )
    .requiredOption(
      '--origin <url>',
      "origin of Temporal's UI, such as https://temporal.example: no other page gets an answer",
    )
    .option('--port <port>', 'port to listen on', '8081')
    .option('--bind <host>', 'address to listen on; beyond this machine, put TLS before it', '127.0.0.1')
    .action(async (given: CodecFlags, command: Command) => {
      const output = createOutput(globalOptions(command).json);
      const encryption = encryptionOf(process.env);
      if (!encryption)
        throw fault(
          encryptionKeyVariable,
          'is not set: there is nothing to decode; set the keys that services and workers have',
        );
      const token = process.env[tokenVariable] ?? '';
      if (token.length < minTokenLength)
        throw fault(
          tokenVariable,
          `must be set, to at least ${minTokenLength} characters, such as openssl rand -hex 24 makes`,
        );
      const server = await serveCodec({
        encryption,
        token,
        origin: originOf(given.origin),
        host: given.bind,
        port: portOf(given.port),
      });
      output.note(
        `decoding at http://${given.bind}:${server.port}/decode, for pages of ${originOf(given.origin)}`,
      );
      await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
      await server.close();
      output.result({ stopped: true }, ['stopped']);
    });
}

interface CodecFlags {
  readonly origin: string;
  readonly port: string;
  readonly bind: string;
}

/** As a browser sends it. */
function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '') return url.origin;
  throw new LockstepError(
    'InvalidInput',
    `--origin ${text} is no origin; give one such as https://temporal.example`,
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new LockstepError('InvalidInput', `--port ${text} is no port; give a number below 65536`);
}

function fault(path: string, what: string): LockstepError {
  return new LockstepError('InvalidDefinition', `${path} ${what}`, { path });
}
