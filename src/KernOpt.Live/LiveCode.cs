using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Regions;
using KernOpt.Live.Sites;
using KernOpt.Live.Stubs;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// Everything that KernOpt has put into a target, whoever put it there and when: redirections, versions, redirected calls, probes. All of it is read
/// out of the target's own regions, so that it needs no database. Opening and listing change nothing. Members may be called from any thread;
/// two kernopt that change one target at the same time must be kept apart by the caller.
/// </summary>
public sealed partial class LiveCode
{
    private readonly Lock gate = new();
    private readonly ITarget target;
    private readonly RegionSet regions;
    private readonly ModuleText modules;
    private readonly TextChanges changes;
    private readonly Reclamation reclamation;
    private readonly UnpatchedSource unpatched;

    private LiveCode(ITarget target, ICodeSource source, RegionSet regions)
    {
        this.target = target;
        this.regions = regions;
        modules = new ModuleText(target);
        changes = new TextChanges(target, modules, regions);
        reclamation = new Reclamation(target, regions, changes);
        unpatched = new UnpatchedSource(source, PatchedPlaces);
        Sites = new PatchSites(Source, target, f => FunctionParser.Parse(f, Source), IsSpringboardTaken, Bypassed);
    }

    /// <summary>The program as it was before any change: parse functions from this, or a redirected one looks like a jump.</summary>
    public ICodeSource Source => unpatched;

    /// <summary>Chooses sites; padding that already holds a springboard is not chosen again.</summary>
    public PatchSites Sites { get; }

    /// <summary>Finds what earlier KernOpt left in the target. Refused only by the target.</summary>
    public static Outcome<LiveCode> Open(ITarget target, ICodeSource source) => RegionSet.Find(target).Then<LiveCode>(found => new LiveCode(target, source, found));

    public IReadOnlyList<RegionSummary> Regions
    {
        get
        {
            lock (gate) return [.. regions.All.Select(RegionSummary.Of)];
        }
    }

    /// <summary>Functions whose site leads into a region, in order of number; also those that are being drained.</summary>
    public IReadOnlyList<Redirect> Redirects => All(EntryType.Redirect, (region, placed) => new Redirect(this, region, placed));

    public IReadOnlyList<InstalledVersion> Versions => All(EntryType.Version, (region, placed) => new InstalledVersion(region, placed));

    public IReadOnlyList<RedirectedCall> Calls => All(EntryType.Call, (region, placed) => new RedirectedCall(region, placed));

    public IReadOnlyList<ValueProbe> Probes => All(EntryType.Probe, (region, placed) => new ValueProbe(region, placed));

    /// <summary>The redirection of the function that starts here, when its site holds our jump now.</summary>
    public Redirect? RedirectOf(Address functionStart)
    {
        lock (gate)
        {
            foreach (var region in regions.All)
            {
                if (region.Status is RegionStatus.Damaged or RegionStatus.OtherFormat) continue;
                foreach (var placed in region.Entries)
                {
                    if (placed.Entry.Type != EntryType.Redirect || placed.Entry.Function.Start != functionStart || placed.State == EntryState.Draining) continue;
                    var redirect = new Redirect(this, region, placed);
                    if (IsInForce(redirect)) return redirect;
                }
            }
            return null;
        }
    }

    internal IReadOnlyList<InstalledVersion> VersionsOf(Redirect redirect) => [.. Versions.Where(v => v.RedirectId == redirect.Id && !v.IsDraining)];

    internal IReadOnlyList<ValueProbe> ProbesOf(Redirect redirect) => [.. Probes.Where(p => p.RedirectId == redirect.Id && !p.IsDraining)];

    /// <summary>Whether the text at the site (and at the springboard) leads into the region in this address space.</summary>
    public bool IsInForce(Redirect redirect)
    {
        lock (gate)
        {
            var records = redirect.Region.Changes.Where(c => c.Record.Owner == redirect.Id).ToList();
            return records.Exists(c => c.Record.Kind == ChangeKind.Entry) && records.TrueForAll(c => changes.Look(c.Record) == TextHolds.Patched);
        }
    }

    internal Arm ArmOf(Redirect redirect)
    {
        var leadsTo = new Address(redirect.Region.Memory.Load(redirect.SwitchOffset));
        if (leadsTo == redirect.Entry.Plain) return Arm.Original;
        if (leadsTo == redirect.Entry.Counted) return Arm.CountedOriginal;
        lock (gate)
        {
            foreach (var placed in redirect.Region.Entries)
            {
                var entry = placed.Entry;
                if (entry.Parent != redirect.Id) continue;
                if (entry.Type == EntryType.Probe && entry.Plain == leadsTo) return Arm.Probe(entry.Id);
                if (entry.Type == EntryType.Version && entry.Plain == leadsTo) return Arm.Version(entry.Id);
                if (entry.Type == EntryType.Version && entry.Counted == leadsTo) return Arm.CountedVersion(entry.Id);
            }
        }
        return new Arm(ArmKind.Unknown, 0);
    }

    internal Outcome<Done> Switch(Redirect redirect, Arm arm)
    {
        lock (gate)
        {
            if (redirect.Region.Status != RegionStatus.Usable) return WhyNotUsable(redirect);
            if (redirect.Placed.State != EntryState.Live) return Reasons.NotInForce.With($"redirection {redirect.Id} of {redirect.FunctionName}");
            if (!DestinationOf(redirect, arm).Try(out var destination, out var why)) return why;
            redirect.Region.Memory.Store(redirect.SwitchOffset, destination.Value);
            SwitchCalls(redirect, arm);
            return Done.It;
        }
    }

    private static Outcome<Address> DestinationOf(Redirect redirect, Arm arm)
    {
        if (arm.Kind == ArmKind.Original) return redirect.Entry.Plain;
        if (arm.Kind == ArmKind.CountedOriginal) return redirect.Entry.Counted;
        var type = arm.Kind == ArmKind.Probe ? EntryType.Probe : EntryType.Version;
        var placed = redirect.Region.Entries.FirstOrDefault(p => p.Entry.Id == arm.Id && p.Entry.Type == type && p.Entry.Parent == redirect.Id);
        if (placed is not { State: EntryState.Live }) return Reasons.UnknownId.With($"{arm} of redirection {redirect.Id}");
        return arm.Kind == ArmKind.CountedVersion ? placed.Entry.Counted : placed.Entry.Plain;
    }

    /// <summary>Direct callers of a version go past its guard while the switch is at it, and to the function's entry otherwise.</summary>
    private static void SwitchCalls(Redirect redirect, Arm arm)
    {
        var version = redirect.Region.Entries.FirstOrDefault(p => p.Entry.Id == arm.Id && p.Entry.Type == EntryType.Version)?.Entry;
        foreach (var placed in redirect.Region.Entries)
        {
            if (placed.Entry.Type != EntryType.Call || placed.Entry.Function.Start != redirect.Function.Start || placed.State == EntryState.Preparing) continue;
            var destination = redirect.Function.Start;
            if (placed.State == EntryState.Live && placed.Entry.Parent == version?.Id)
            {
                if (arm.Kind == ArmKind.Version) destination = version.FullPlain;
                if (arm.Kind == ArmKind.CountedVersion) destination = version.FullCounted;
            }
            redirect.Region.Memory.Store(placed.Entry.Data.Offset, destination.Value);
        }
    }

    private IReadOnlyList<T> All<T>(EntryType type, Func<LiveRegion, PlacedEntry, T> make) where T : Installed
    {
        lock (gate)
        {
            var found = new List<T>();
            foreach (var region in regions.All)
            {
                if (region.Status is RegionStatus.Damaged or RegionStatus.OtherFormat) continue;
                found.AddRange(region.Entries.Where(p => p.Entry.Type == type).Select(p => make(region, p)));
            }
            return [.. found.OrderBy(e => e.Id)];
        }
    }

    private bool IsSpringboardTaken(AddressRange range)
    {
        lock (gate) return regions.All.Any(r => r.ChangesOf(range).Any());
    }

    private IReadOnlyList<UndoRecord> PatchedPlaces()
    {
        lock (gate) return [.. regions.All.SelectMany(r => r.Changes).Select(c => c.Record)];
    }

    private static Refusal WhyNotUsable(Installed installed) => installed.Region.Status switch
    {
        RegionStatus.Inherited => Reasons.RegionInherited.With($"{installed.FunctionName}"),
        RegionStatus.OtherFormat => Reasons.RegionOfOtherFormat.With($"{installed.Region.Range}"),
        _ => Reasons.RegionDamaged.With($"{installed.Region.Range}"),
    };
}
