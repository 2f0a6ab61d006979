import { hashPodSpec, pinImages } from '../model.ts';
import type { Translation } from './translate.ts';

/** The same model with its images pinned by digest, and with the spec hashes that follow from it. */
export function pinTranslation<T extends Pick<Translation, 'workloads'>>(
  translation: T,
  pinned: ReadonlyMap<string, string>,
): T {
  return {
    ...translation,
    workloads: translation.workloads.map((workload) => {
      const pod = pinImages(workload.pod, pinned);
      return { ...workload, pod, specHash: hashPodSpec(pod) };
    }),
  };
}
