/** The service process of eav. */
import { openEavIngest, type EavAddresses } from '../service-kit/eav/ingest.ts'
import { runService } from '../service-kit/service-process.ts'
import type { AttributeWrite } from '../service-kit/eav/door.ts'
import type { EavSettings } from '../service-kit/eav/settings.ts'

await runService<EavAddresses, EavSettings, AttributeWrite>(({ addresses, settings }, context) =>
  openEavIngest(addresses, settings, context),
)
