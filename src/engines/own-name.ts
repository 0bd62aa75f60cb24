/** The database that a run makes for itself on a user's own server: `headroom_<run id>`, safe in both SQL dialects. */
import { randomBytes } from 'node:crypto'

/** As it is shown before there is a run. */
export const OWN_NAME_FORM = 'headroom_<run>_<random>'

/** Names longer than 63 bytes are cut by PostgreSQL; the random end keeps two targets of one run apart. */
export function ownName(runId: string): string {
  const plain = runId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .slice(0, 40)
  return `headroom_${plain}_${randomBytes(3).toString('hex')}`
}
