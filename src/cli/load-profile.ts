/** Name or path -> a profile, with what the flags say instead. In: what the user typed. Out: who asks. */
import { DATA_KINDS, findDataFile } from '../kit/data-file.ts'
import type { Finding } from '../kit/yaml-door.ts'
import { parseYamlFile } from '../kit/yaml-door.ts'
import { Profile } from '../plan/profile.ts'

export const DEFAULT_PROFILE = 'sample'

export interface ProfileOverrides {
  readonly ratePerS: number | undefined
  readonly growthPerMonthRatio: number | undefined
}

export function loadProfile(nameOrPath: string, overrides: ProfileOverrides): Profile {
  const file = findDataFile(DATA_KINDS.profile, nameOrPath)
  const profile = parseYamlFile(Profile, file, { what: 'profile', check: profileFindings })
  const { ratePerS, growthPerMonthRatio: growth } = overrides
  return {
    ...profile,
    ...(ratePerS === undefined ? {} : { ratePerS }),
    ...(growth === undefined
      ? {}
      : { growthPerMonthRatio: { low: growth, mid: growth, high: growth } }),
  }
}

function profileFindings(profile: Profile): readonly Finding[] {
  const findings: Finding[] = []
  if (profile.growthPerMonthRatio.low <= -1) {
    findings.push({
      path: ['growthPerMonthRatio'],
      message: 'a rate cannot shrink by 100 % or more a month',
      remedy: 'write growth per month as a ratio: 0.08 is 8 %, -0.02 is a decline of 2 %',
    })
  }
  if (profile.growthPerMonthRatio.high > 10) {
    findings.push({
      path: ['growthPerMonthRatio'],
      message: `${String(profile.growthPerMonthRatio.high)} is ${String(profile.growthPerMonthRatio.high * 100)} % a month`,
      remedy: `write growth per month as a ratio: ${String(profile.growthPerMonthRatio.high)} % is ${String(profile.growthPerMonthRatio.high / 100)}`,
    })
  }
  if (profile.needs.replayDays > profile.retentionDays) {
    findings.push({
      path: ['needs', 'replayDays'],
      message: `replay over ${String(profile.needs.replayDays)} days of events that are kept for ${String(profile.retentionDays)}`,
      remedy: 'raise retentionDays, or lower needs.replayDays',
    })
  }
  return findings
}
