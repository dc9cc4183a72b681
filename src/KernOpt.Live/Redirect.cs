using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Live.Regions;
using KernOpt.Live.Sites;
using KernOpt.Live.Stubs;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>A function whose site leads through a switch. Throwing the switch is one plain store; the counters are plain loads.</summary>
public sealed class Redirect : Installed
{
    private readonly LiveCode live;

    internal Redirect(LiveCode live, LiveRegion region, PlacedEntry placed) : base(region, placed) => this.live = live;

    public Address Site => Entry.Site;
    public SiteForm Form => (SiteForm)Entry.Kind;

    /// <summary>The original without counting: for guards that fail, and for probes.</summary>
    public Address OriginalEntry => Entry.Plain;

    /// <summary>The original with each call counted.</summary>
    public Address CountedOriginalEntry => Entry.Counted;

    /// <summary>Calls of the original that were counted so far.</summary>
    public ulong OriginalCalls => LoadData(RedirectCode.CounterAt);

    /// <summary>Bytes between rsp and the return address at the site.</summary>
    public int StackDepth => SiteFacts.StackDepth(Entry);
    public bool FlagsDead => SiteFacts.FlagsDead(Entry);

    /// <summary>See <see cref="PatchSite.Arguments"/>.</summary>
    public ImmutableArray<Register> Arguments => SiteFacts.Arguments(Entry);

    public IReadOnlyList<InstalledVersion> Versions => live.VersionsOf(this);
    public IReadOnlyList<ValueProbe> Probes => live.ProbesOf(this);

    /// <summary>The switch as it is now.</summary>
    public Arm Current => live.ArmOf(this);

    /// <summary>
    /// Throws the switch: threads that come to the site afterwards go there. Direct callers that are bound to a version follow. Refused when it is no longer
    /// in force (5203), inherited (5004), or has no such version or probe (5202).
    /// </summary>
    public Outcome<Done> Switch(Arm arm) => live.Switch(this, arm);

    internal ulong SwitchOffset => DataAt(RedirectCode.SwitchAt);
}
