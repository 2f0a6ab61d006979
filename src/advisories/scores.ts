import { FormatError, scoreCvss3, scoreCvss4 } from '../formats/index.ts';
import { type Severity, severityOfScore } from './record.ts';

export interface Scores {
  readonly cvss: number | null;
  readonly cvssVector: string | null;
  readonly cvss4Vector: string | null;
}

/** The highest of the CVSS 3 vectors, recomputed, and of those of version 4; of version 4 alone the score is its own. */
export function bestScores(vectors: Iterable<string | null>): Scores {
  let [cvss, cvssVector]: [number | null, string | null] = [null, null];
  let [cvss4, cvss4Vector]: [number | null, string | null] = [null, null];
  for (const vector of vectors) {
    if (vector === null) continue;
    if (vector.startsWith('CVSS:4.0/')) {
      const score = scoreWith(scoreCvss4, vector);
      if (score !== null && score > (cvss4 ?? -1)) [cvss4, cvss4Vector] = [score, vector];
    } else {
      const score = scoreWith(scoreCvss3, vector);
      if (score !== null && score > (cvss ?? -1)) [cvss, cvssVector] = [score, vector];
    }
  }
  return { cvss, cvssVector, cvss4Vector };
}

/** The word for a score; of a record with CVSS 4 alone the word for that. */
export function severityOf({ cvss, cvss4Vector }: Scores): Severity {
  if (cvss !== null) return severityOfScore(cvss);
  return cvss4Vector === null ? 'unknown' : severityOfScore(scoreCvss4(cvss4Vector));
}

function scoreWith(score: (vector: string) => number, vector: string): number | null {
  try {
    return score(vector);
  } catch (error) {
    if (error instanceof FormatError) return null; // a vector of another version of CVSS, or none
    throw error;
  }
}
