import type { StepHandle } from '../../progress/index.ts';
import type { CliProgram } from '../../system/index.ts';

const QUIET_MS = 2_000;
const REDRAW_MS = 200;

/** One line on the terminal that says how far the scan is, for whoever has waited two seconds. `end` wipes it. */
export function progressLine(cli: CliProgram): { readonly step: StepHandle; end(): void } {
  const isShown = process.stderr.isTTY === true && !cli.output.quiet && !cli.output.json;
  const begun = performance.now();
  let drawnAt = 0;
  let hasDrawn = false;
  const step: StepHandle = {
    step: () => step,
    note: () => undefined,
    done: () => undefined,
    fail: () => undefined,
    update: ({ done, total }) => {
      const now = performance.now();
      if (!isShown || now - begun < QUIET_MS || now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      hasDrawn = true;
      const of = total ? ` / ${cli.print.bytes(total)} (${Math.floor((100 * (done ?? 0)) / total)} %)` : '';
      const text = cli.t({ en: 'reading', es: 'leyendo' });
      process.stderr.write(`\r\u001b[K${text} ${cli.print.bytes(done ?? 0)}${of}`);
    },
  };
  return {
    step,
    end: () => {
      if (hasDrawn) process.stderr.write('\r\u001b[K');
    },
  };
}
