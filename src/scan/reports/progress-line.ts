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
  let [bytes, all, detail] = [0, 0, ''];
  const step: StepHandle = {
    step: () => step,
    note: () => undefined,
    done: () => undefined,
    fail: () => undefined,
    update: (told) => {
      bytes = told.done ?? bytes;
      all = told.total ?? all;
      if (told.detail) detail = `, ${cli.t(told.detail)}`;
      const now = performance.now();
      if (!isShown || now - begun < QUIET_MS || now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      hasDrawn = true;
      const of = all > 0 ? ` / ${cli.print.bytes(all)} (${Math.floor((100 * bytes) / all)} %)` : '';
      const line = `${cli.t({ en: 'reading', es: 'leyendo' })} ${cli.print.bytes(bytes)}${of}${detail}`;
      // One line, whatever the width: a second one could not be wiped. Names of files may hold anything.
      const shown = [...line].slice(0, (process.stderr.columns ?? 80) - 1).join('');
      process.stderr.write(`\r\u001b[K${shown.replace(/\p{Cc}/gu, '?')}`);
    },
  };
  return {
    step,
    end: () => {
      if (hasDrawn) process.stderr.write('\r\u001b[K');
    },
  };
}
