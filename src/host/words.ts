import { Fault, type Text } from '../system/index.ts';
import type { PatchState } from './livepatch/driver.ts';
import type { HostPhase, RolloutState } from './rollout/machine.ts';
import type { Ring } from './rollout/plan.ts';
import type { TruthState } from './truth.ts';

export const STATE_WORDS: Readonly<Record<TruthState, Text>> = {
  exposed: { en: 'exposed', es: 'expuesto' },
  unknown: { en: 'unknown', es: 'desconocido' },
  mitigated: { en: 'mitigated', es: 'mitigado' },
  'live-patched': { en: 'live-patched', es: 'parcheado en vivo' },
  'not-reachable': { en: 'not reachable', es: 'no alcanzable' },
  'not-affected': { en: 'not affected', es: 'no afectado' },
};

export const PATCH_STATE_WORDS: Readonly<Record<PatchState['state'], Text>> = {
  on: { en: 'in force', es: 'activo' },
  off: { en: 'off', es: 'inactivo' },
  transition: { en: 'on its way', es: 'en transición' },
};

export const ROLLOUT_STATE_WORDS: Readonly<Record<RolloutState, Text>> = {
  running: { en: 'running', es: 'en marcha' },
  paused: { en: 'paused', es: 'en pausa' },
  withdrawing: { en: 'taking it out', es: 'retirando' },
  done: { en: 'done', es: 'terminado' },
  'rolled-back': { en: 'rolled back', es: 'revertido' },
  stopped: { en: 'stopped', es: 'detenido' },
};

export const ROLLOUT_RING_WORDS: Readonly<Record<Ring['name'], Text>> = {
  canary: { en: 'canaries', es: 'canarios' },
  share: { en: 'a share', es: 'una parte' },
  all: { en: 'all others', es: 'los demás' },
};

export const ROLLOUT_PHASE_WORDS: Readonly<Record<HostPhase, Text>> = {
  waiting: { en: 'waiting', es: 'en espera' },
  applying: { en: 'being patched', es: 'aplicando' },
  watching: { en: 'watched', es: 'en observación' },
  well: { en: 'well', es: 'bien' },
  failed: { en: 'failed', es: 'con fallo' },
  lost: { en: 'lost', es: 'sin respuesta' },
  absent: { en: 'away', es: 'ausente' },
  withdrawing: { en: 'being taken out', es: 'retirando' },
  withdrawn: { en: 'taken out', es: 'retirado' },
  stuck: { en: 'stuck', es: 'atascado' },
};

/** What went wrong, in both languages; an error that is no Fault has words of its own, in English. */
export function faultText(error: unknown): Text {
  if (!(error instanceof Fault)) {
    const why = error instanceof Error ? error.message : String(error);
    return { en: why, es: why };
  }
  const say = (language: 'en' | 'es'): string => {
    const { what, why } = error.text(language);
    return why === undefined ? what : `${what}: ${why}`;
  };
  return { en: say('en'), es: say('es') };
}
