import { checkVerdict, readVerdict, VERDICT_PAYLOAD_TYPE, type Verdict } from '../../admit/index.ts';
import type { StartGate } from '../../deploy/engines/local/index.ts';
import { isDigest, parseReference } from '../../oci/index.ts';
import { type Clock, Fault, type Log, type Text } from '../../system/index.ts';
import {
  type DemandVerdict,
  demandLabel,
  isMet,
  NO_SIGNATURES,
  type PackedSignatures,
  type PublicKey,
  type SignedRecord,
  type TrustPolicy,
  unmetDemands,
  unpackSignatures,
  verifyImage,
  verifyRecord,
} from '../../trust/index.ts';

/** The rule of the presets about images without a signature. */
const UNSIGNED_RULE = 'image-unsigned';

/** What control sent that starts are judged by; kept on disk by the agent, so that it holds while control is away. */
export interface StartEvidence {
  readonly verdicts: readonly SignedRecord[];
  /** By `project/image@digest`. */
  readonly signatures: Readonly<Record<string, PackedSignatures>>;
}

/**
 * The agent's own answer before each start. It believes nobody's word but the keys pinned when this host joined: the
 * verdict must be signed, for this very digest and spec, not expired; and beside the image must lie what the trust policy
 * of this host asks for in this environment: signatures, provenance, scan result, approvals. A captured control cannot
 * start what was never judged, signed, built, scanned or approved as the pinned policy wants it.
 */
export class HostStartGate implements StartGate {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #verdictKey: () => PublicKey;
  readonly #trust: () => TrustPolicy;
  #records = new Map<string, SignedRecord>();
  #signatures: StartEvidence['signatures'] = {};

  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    /** Control's key as this host has it pinned now. */
    readonly verdictKey: () => PublicKey;
    /** Whom this host believes now. */
    readonly trust: () => TrustPolicy;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#verdictKey = options.verdictKey;
    this.#trust = options.trust;
  }

  /** Takes what control sent; a record that is not signed by a pinned key is not kept. Of two for the same, the last. */
  setEvidence(evidence: StartEvidence): void {
    this.#signatures = evidence.signatures;
    this.#records = this.#believed(evidence);
  }

  /** The same answer for what is no part of the wanted state, by the evidence alone that came with it. */
  async checkOnce(start: Parameters<StartGate['check']>[0], evidence: StartEvidence): ReturnType<StartGate['check']> {
    return this.#check(start, this.#believed(evidence), evidence.signatures);
  }

  #believed({ verdicts }: StartEvidence): Map<string, SignedRecord> {
    const records = new Map<string, SignedRecord>();
    for (const record of verdicts) {
      try {
        const verdict = readVerdict(verifyRecord(record, [this.#verdictKey()], VERDICT_PAYLOAD_TYPE));
        const { project, environment, digest, specHash } = verdict;
        if (environment !== null && specHash !== null) {
          records.set(nameOf({ project, environment, digest, specHash }), record);
        }
      } catch (error) {
        this.#log.warn(
          { err: error instanceof Error ? error.message : error },
          'a verdict of control was not believed',
        );
      }
    }
    return records;
  }

  async check(start: Parameters<StartGate['check']>[0]): ReturnType<StartGate['check']> {
    return this.#check(start, this.#records, this.#signatures);
  }

  async #check(
    start: Parameters<StartGate['check']>[0],
    records: ReadonlyMap<string, SignedRecord>,
    signatures: StartEvidence['signatures'],
  ): ReturnType<StartGate['check']> {
    const verdict = this.#findVerdict(start, records);
    if ('refused' in verdict) return { allow: false, reasons: [verdict.refused] };
    const unsigned = this.#checkSignature(start, verdict.verdict, signatures);
    return unsigned === null ? { allow: true } : { allow: false, reasons: [unsigned] };
  }

  #findVerdict(
    start: Parameters<StartGate['check']>[0],
    records: ReadonlyMap<string, SignedRecord>,
  ): { verdict: Verdict } | { refused: Text } {
    const { project, environment, name } = start.workload;
    const question = { project, environment, digest: start.imageDigest, specHash: start.specHash };
    const record = records.get(nameOf(question));
    if (record === undefined) {
      return {
        refused: {
          en: `no signed verdict permits ${name} (${start.container}) to start with this image and this specification`,
          es: `ningún veredicto firmado permite iniciar ${name} (${start.container}) con esta imagen y esta especificación`,
        },
      };
    }
    try {
      return { verdict: checkVerdict(record, [this.#verdictKey()], { ...question, now: this.#clock.now() }) };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const [en, es] = [error.text('en'), error.text('es')];
      return { refused: { en: `${en.what}: ${en.why ?? ''}`, es: `${es.what}: ${es.why ?? ''}` } };
    }
  }

  /** Null when all that the policy names stands, and the image is signed or the verdict only warned that it is not. */
  #checkSignature(
    start: Parameters<StartGate['check']>[0],
    verdict: Verdict,
    signatures: StartEvidence['signatures'],
  ): Text | null {
    if (!isDigest(start.imageDigest))
      return { en: 'the image is not pinned by digest', es: 'la imagen no está fijada por digest' };
    const { repository, digest } = parseReference(start.image);
    // What is started is what was verified (V3): a name that means another digest by now is not asked about twice.
    if (digest !== null && digest !== start.imageDigest) {
      return {
        en: 'the image names another digest than the one to start',
        es: 'la imagen nombra otro digest que el que se inicia',
      };
    }
    const packed = signatures[`${repository}@${start.imageDigest}`];
    const verdictOfImage = verifyImage({
      digest: start.imageDigest,
      repository,
      ...(packed === undefined ? NO_SIGNATURES : unpackSignatures(packed)),
      trust: this.#trust(),
      environment: start.workload.environment,
      clock: this.#clock,
    });
    // What this host's own policy names is wanted whatever the verdict says: control cannot sign it away.
    const unmet = unmetDemands(verdictOfImage.demands);
    if (unmet.length > 0) return lacking(unmet, verdictOfImage.refused[0]?.reason);
    if (isMet(verdictOfImage, 'image')) return null;
    // A policy that tolerates an unsigned image says so in the signed verdict itself, by a warning.
    if (verdict.reasons.some((reason) => reason.effect === 'warn' && reason.rule === UNSIGNED_RULE)) return null;
    const why = verdictOfImage.refused[0]?.reason;
    return {
      en: `the image does not carry the signatures that this host asks for${why === undefined ? '' : ` (${why.en})`}`,
      es: `la imagen no lleva las firmas que este host pide${why === undefined ? '' : ` (${why.es})`}`,
    };
  }
}

function lacking(unmet: readonly DemandVerdict[], why: Text | undefined): Text {
  const missing = unmet.map(demandLabel).join(', ');
  return {
    en: `this host’s trust policy asks for what does not stand beside the image: ${missing}${why === undefined ? '' : ` (${why.en})`}`,
    es: `la política de confianza de este host pide lo que no acompaña a la imagen: ${missing}${why === undefined ? '' : ` (${why.es})`}`,
  };
}

function nameOf(place: { project: string; environment: string; digest: string; specHash: string }): string {
  return `${place.project}/${place.environment} ${place.digest} ${place.specHash}`;
}
