/** Where a study is made: written down before it begins, held against when it is gone on with. */
import { describeMachine } from '../collect/machine.ts'
import type { PlannedPlace } from '../results/planned-place.ts'
import type { ExternalAddresses, OwnProvider } from '../target/up.ts'
import { headroomVersion } from './headroom-version.ts'

export async function placeNow(
  engines: OwnProvider,
  external: ExternalAddresses,
): Promise<PlannedPlace> {
  const { roles = {}, ...kinds } = external
  return {
    provider: engines,
    ownServers: Object.keys({ ...kinds, ...roles }).sort(),
    headroom: await headroomVersion(),
    fingerprint: describeMachine(null).fingerprint,
  }
}
