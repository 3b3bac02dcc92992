import { run } from '../../cli/run.ts';

/** A process that runs one command after the other, so that each costs no start of its own. */

export interface Asked {
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly noticeEveryMs: number;
}

/** The streams of the process, instead of which the command writes to `text`. */
function captured(stream: NodeJS.WriteStream): { text: () => string; release: () => void } {
  const own = stream.write;
  let text = '';
  stream.write = (chunk: string | Uint8Array) => {
    text += String(chunk);
    return true;
  };
  return {
    text: () => text,
    release: () => {
      stream.write = own;
    },
  };
}

process.on('message', async ({ args, environment, noticeEveryMs }: Asked) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, environment);
  const [out, err] = [captured(process.stdout), captured(process.stderr)];
  const code = await run(args, { noticeEveryMs });
  out.release();
  err.release();
  process.exitCode = 0;
  process.send?.({ code, stdout: out.text(), stderr: err.text() });
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
