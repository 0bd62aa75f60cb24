/** ClickHouse as the registry lists it. */
import { Scope } from '../../kit/scope.ts'
import type { StoringFolder } from '../engine-folder.ts'
import { startComposeClickHouse } from './compose.ts'
import { startEmbeddedClickHouse } from './embedded.ts'
import { startExternalClickHouse } from './external.ts'
import { ClickHouseHttp } from './http.ts'
import { clickHousePackage, findLibrary } from './library.ts'
import { observeClickHouse } from './observed.ts'
import { clickHouseStatementStore } from './statement-store.ts'

export const clickhouse: StoringFolder<'clickhouse'> = {
  embedded: { packageName: clickHousePackage, isInstalled: () => findLibrary() !== null },
  start: (request, context) => {
    switch (request.provider) {
      case 'embedded':
        return startEmbeddedClickHouse(request.settings, context)
      case 'compose':
        return startComposeClickHouse(request, context)
      case 'external':
        return startExternalClickHouse(request, context)
    }
  },
  observe: observeClickHouse,
  openStatement: async (address, options) => {
    await using scope = new Scope()
    const store = await clickHouseStatementStore(scope.use(new ClickHouseHttp(address)), options)
    const owned = scope.move()
    return { ...store, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
  },
}
