import type { FakeWorld } from './fake-api.ts'
import { atSite, idAt, type FakeItem } from './fake-items.ts'

const QUOTA = "the account's upload quota of the day is used up"
const LOST = (asset: string) => `/mnt/work/dune_ads/${asset}/publish/${asset}_layout_v001.blend is not at the site "studio"`

const site = (name: string, provider: string, state = 'ok', more = {}) => ({
  site: name,
  provider,
  instances: [{ instance: 'render-01-1', site: name, provider, state, running: 0, queued: 0, ...more }],
})
const counts = (name: string, pending: number, failed = 0, exhausted = 0, paused = 0) => ({
  id: `dune_ads/${name}`,
  project: 'dune_ads',
  site: name,
  pending,
  failed,
  exhausted,
  paused,
})

/** A studio on a bad day: five sites, each in another state, and some of everything. Times are relative to `now`. */
export function studio(now: number): FakeWorld {
  const seconds = Math.floor(now / 1_000)
  const instances = ['render-01', 'render-02', 'office'].map((host) => ({
    _id: `${host}-1`,
    host,
    pid: 4_100,
    started: new Date(now - 86_400_000),
    heard: new Date(now),
    heardAgoMs: 400,
    stream: 'open',
  }))
  let n = 0
  const item = (
    asset: string,
    subset: string,
    version: number,
    name: string,
    files: number,
    size: number,
    ago: number,
    sites: FakeItem['sites'],
  ): FakeItem => ({
    id: idAt(seconds - ago, ++n),
    project: 'dune_ads',
    asset,
    subset,
    version,
    name,
    file_count: files,
    size,
    sites: [atSite('studio', 'synced', files), ...sites],
  })
  const items = [
    item('sh010', 'renderMain', 12, 'exr', 124, 9.2e9, 70, [
      atSite('nas', 'synced', 124),
      atSite('gdrive', 'pending', 124, { synced: 62, pending: 62 }),
      atSite('vendor', 'pending', 124),
      atSite('client', 'paused', 124),
    ]),
    item('sh020', 'workfileLayout', 1, 'blend', 1, 4.1e6, 240, [
      atSite('nas', 'exhausted', 1, { error: LOST('sh020') }),
      atSite('gdrive', 'exhausted', 1, { error: LOST('sh020') }),
    ]),
    item('hero', 'modelMain', 7, 'abc', 1, 1.3e9, 400, [
      atSite('nas', 'synced', 1),
      atSite('gdrive', 'synced', 1),
      atSite('vendor', 'failed', 1, { error: 'connect ECONNREFUSED 10.4.0.17:22' }),
      atSite('client', 'pending', 1),
    ]),
    item('sh030', 'plateMain', 2, 'jpg', 1_000, 14.8e9, 700, [
      atSite('nas', 'synced', 1_000),
      atSite('gdrive', 'pending', 1_000, { synced: 640, pending: 360 }),
      atSite('vendor', 'pending', 1_000),
      atSite('client', 'paused', 1_000),
    ]),
    item('sq04_sh0110_with_a_long_name_that_ends_in_a_number_0420', 'animMain', 31, 'usd', 3, 880e6, 900, [
      atSite('nas', 'synced', 3),
      atSite('gdrive', 'failed', 3, { error: QUOTA, failed: 3, tries: 0 }),
    ]),
    ...Array.from({ length: 40 }, (_, k) =>
      item(
        `sh${String(40 + k).padStart(3, '0')}`,
        k % 3 === 0 ? 'renderMain' : 'compMain',
        1 + (k % 9),
        k % 2 === 0 ? 'exr' : 'mov',
        1 + (k % 5) * 30,
        (1 + k) * 2.1e8,
        1_200 + k * 420,
        [
          atSite('nas', 'synced', 1 + (k % 5) * 30),
          k % 8 === 3
            ? atSite('gdrive', 'failed', 1 + (k % 5) * 30, { error: QUOTA, tries: 0 })
            : atSite('gdrive', k % 4 === 1 ? 'pending' : 'synced', 1 + (k % 5) * 30),
        ],
      ),
    ),
  ]
  return {
    items,
    isPrivate: false,
    status: {
      instances,
      pauses: [{ site: 'client', who: 'mira', since: new Date(now - 7_200_000), why: 'client is migrating' }],
      closed: [],
      sites: [
        site('nas', 'local_drive'),
        site('gdrive', 'gdrive', 'ok', { running: 4, queued: 300 }),
        site('vendor', 'local_drive', 'cooling', { error: 'The share /mnt/vendor does not answer', until: new Date(now + 42_000) }),
        site('client', 'gdrive'),
        {
          ...site('archive', 'gdrive', 'misconfigured', { error: 'x' }),
          misconfigured: 'credentials_url: /etc/site-sync/archive.json can not be read: permission denied',
        },
      ],
    },
    projects: [
      counts('nas', 0, 0, 1),
      counts('gdrive', 1_204, 93, 1),
      counts('vendor', 1_125, 1),
      counts('client', 1, 0, 0, 1_124),
      counts('archive', 57),
    ],
    totals: [{ project: 'dune_ads', representations: 18_204, whole: 16_390, estimated: false }],
    running: [
      {
        id: 'a1',
        project: 'dune_ads',
        representation: items[0]?.id,
        file: idAt(62, 62),
        path: '{root[work]}/dune_ads/sh010/renderMain/sh010_renderMain.1063.exr',
        site: 'gdrive',
        bytes: 30e6,
        size: 74e6,
      },
    ],
    activity: activity(now),
    audit: [
      {
        id: idAt(seconds - 60, 1),
        at: new Date(now - 60_000),
        who: 'mira',
        action: 'pause',
        selection: { site: 'client' },
        records: 0,
        representations: 0,
        why: 'client is migrating',
      },
      {
        id: idAt(seconds - 900, 2),
        at: new Date(now - 900_000),
        who: 'anna',
        action: 'retry',
        selection: { site: 'gdrive', state: 'exhausted' },
        records: 412,
        representations: 7,
      },
    ],
  }
}

const wave = (n: number, most: number) => Math.round(most * 60 * (0.55 + 0.25 * Math.sin(n / 3) + 0.2 * Math.sin(n * 2.3)))

const hour = (at: string, most: number, until = 60) => ({
  site: at,
  bytes: Array.from({ length: 60 }, (_, n) => (n < until ? wave(n, most) : 0)),
})

/** An hour in which much arrived at two sites, and at a third until its share was gone. */
function activity(now: number): FakeWorld['activity'] {
  const ended = (id: string, ago: number, at: string, asset: string, size: number, ms: number, more: object = {}) => ({
    id,
    at: new Date(now - ago * 1_000),
    project: 'dune_ads',
    representation: idAt(1_795_000_000, 1),
    path: `{root[work]}/dune_ads/${asset}/publish/${asset}_renderMain.1001.exr`,
    site: at,
    source: 'studio',
    outcome: 'synced',
    bytes: size,
    size,
    ms,
    ...more,
  })
  return {
    step_seconds: 60,
    throughput: [hour('nas', 640e6), hour('gdrive', 112e6), hour('vendor', 40e6, 41)],
    speeds: [
      { site: 'nas', bytes_per_second: 583e6 },
      { site: 'gdrive', bytes_per_second: 104e6 },
    ],
    ended: [
      ended('e1', 4, 'gdrive', 'sh010', 74e6, 710),
      ended('e2', 5, 'nas', 'sh010', 74e6, 122),
      ended('e3', 31, 'nas', 'sh030', 14.8e6, 0, { bytes: 0, ms: 41 }),
      ended('e4', 42, 'gdrive', 'sh043', 8.4e8, 5_100, { outcome: 'failed', bytes: 2.1e8, error: QUOTA }),
    ],
  }
}
