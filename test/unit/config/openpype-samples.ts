import type { Json } from './support.ts'

const keys = ['enabled', 'sites']
export const system = {
  enabled: true,
  sites: {
    gdrive: { provider: 'gdrive', alternative_sites: [] },
    nas: { provider: 'local_drive', alternative_sites: ['studio'] },
  },
  __overriden_keys__: keys,
}
export const project = {
  enabled: true,
  config: { remote_site: 'nas', __overriden_keys__: ['remote_site'] },
  sites: {
    gdrive: {
      enabled: true,
      credentials_url: { windows: 'C:/key.json', darwin: '/keys/mac.json', linux: '/keys/linux.json' },
      root: { work: '/My Drive/w' },
    },
    nas: {
      enabled: true,
      root: { work: { windows: 'N:/w', darwin: '/Volumes/nas/w', linux: '/mnt/nas/w' }, __overriden_keys__: ['work'] },
    },
  },
}
export const stored = {
  system: (syncServer: unknown): Json => ({
    _id: { $oid: '64a1f0c2e4b0a1b2c3d4e5f6' },
    type: 'system_settings_versioned',
    version: { $numberInt: '3' },
    data: { modules: { sync_server: syncServer, ftrack: { enabled: false }, __overriden_keys__: [] } },
  }),
  project: (syncServer: unknown, name: string | null = 'PRJ'): Json => ({
    _id: { $oid: '64a1f0c2e4b0a1b2c3d4e5f7' },
    type: 'project_settings_versioned',
    version: '3.18.0',
    is_default: name === null,
    project_name: name,
    data: { global: { sync_server: syncServer, publish: {} }, maya: {}, __overriden_keys__: [] },
  }),
}
/** Each way to give a part. */
export const FORMS: readonly (readonly [string, (system: unknown) => unknown, (project: unknown) => unknown])[] = [
  ['whole documents', stored.system, (part) => stored.project(part)],
  ['their data', (part) => stored.system(part)['data'], (part) => stored.project(part)['data']],
  ['below modules and global', (part) => ({ modules: { sync_server: part } }), (part) => ({ global: { sync_server: part } })],
  ['only sync_server', (part) => part, (part) => part],
]
export const both = (changes: { system?: Json; project?: Json } = {}) => ({
  system: { ...system, ...changes.system },
  project: { ...project, ...changes.project },
})

export const expected = {
  publishSite: 'studio',
  remoteSite: 'nas',
  retryCount: 3,
  loopDelaySeconds: 60,
  rootsFromProject: true,
  sites: new Map([
    [
      'gdrive',
      {
        name: 'gdrive',
        provider: 'gdrive',
        root: new Map([['work', '/My Drive/w']]),
        credentialsFile: '/keys/linux.json',
        alternativeSites: [],
      },
    ],
    ['nas', { name: 'nas', provider: 'local_drive', root: new Map([['work', '/mnt/nas/w']]), alternativeSites: ['studio'] }],
  ]),
}
