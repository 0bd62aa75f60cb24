/** The harness itself as a part, so that the cost of measuring stands beside what is measured. */
import type { Part } from '../architecture/part.ts'

export const harnessPart: Part = {
  name: 'harness',
  kind: 'harness',
  pids: () => [process.pid],
  fault: () => Promise.reject(new Error('the harness does not fault itself')),
}
