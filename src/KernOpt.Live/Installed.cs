using KernOpt.Live.Regions;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>Something that has been put into a target and owns memory of a region.</summary>
public abstract class Installed
{
    private protected Installed(LiveRegion region, PlacedEntry placed)
    {
        Region = region;
        Placed = placed;
    }

    internal LiveRegion Region { get; }
    internal PlacedEntry Placed { get; }
    internal Entry Entry => Placed.Entry;

    /// <summary>Unique among everything ever installed in this target.</summary>
    public ulong Id => Entry.Id;

    /// <summary>The function's stable name.</summary>
    public string FunctionName => Entry.Name;

    /// <summary>What its maker said about it: at most 128 bytes of UTF-8.</summary>
    public string Text => Entry.Text;

    public AddressRange Function => Entry.Function;
    public AddressRange Code => Region.RangeOf(Entry.Code);
    public DateTimeOffset Created => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(Entry.CreatedUnixMilliseconds, 0, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));

    /// <summary>It has been taken out; its memory waits for proof that no thread is in it.</summary>
    public bool IsDraining => Placed.State == EntryState.Draining;

    /// <summary>Inherited by fork: it can be reverted in this target, but its switch and counters are the parent's.</summary>
    public bool IsInherited => Region.Status == RegionStatus.Inherited;

    private protected ulong DataAt(ulong offset) => Entry.Data.Offset + offset;

    private protected ulong LoadData(ulong offset) => Region.Memory.Load(DataAt(offset));
}

/// <summary>What a version is.</summary>
public enum VersionKind : byte
{
    Relocated = 1,
    Specialized = 2,
    Outlined = 3,
    /// <summary>A copy that counts its blocks.</summary>
    Counting = 4,
    Other = 5,
}

/// <summary>A version of a function, complete in the region, whether the switch leads to it or not.</summary>
public sealed class InstalledVersion : Installed
{
    internal const ulong DataBytes = 64;
    internal const ulong MissesAt = 8;

    internal InstalledVersion(LiveRegion region, PlacedEntry placed) : base(region, placed)
    {
    }

    public VersionKind Kind => (VersionKind)Entry.Kind;
    public ulong RedirectId => Entry.Parent;

    /// <summary>Where the site's redirection comes in.</summary>
    public Address EntryAddress => Entry.Plain;

    /// <summary>The function's own entry of the version, for callers that are patched directly; null when it has none.</summary>
    public Address? FullEntry => Entry.FullPlain == Address.Zero ? null : Entry.FullPlain;

    /// <summary>Calls that were counted while the switch was at <see cref="ArmKind.CountedVersion"/>.</summary>
    public ulong Calls => LoadData(0);

    /// <summary>Calls that its guard has turned away to the original since it was installed.</summary>
    public ulong GuardMisses => LoadData(MissesAt);

    /// <summary>One of the words that its own code counts in, from 0.</summary>
    public ulong Word(int index) => LoadData(WordAt(index));

    internal static ulong WordAt(int index) => DataBytes + 8 * (ulong)index;
}

/// <summary>A direct call that leads to a version without its guard while the switch is at that version, and to the function otherwise.</summary>
public sealed class RedirectedCall : Installed
{
    internal const ulong DataBytes = 64;
    internal const ulong MostCodeBytes = 16;

    internal RedirectedCall(LiveRegion region, PlacedEntry placed) : base(region, placed)
    {
    }

    public Address At => Entry.Site;
    public ulong VersionId => Entry.Parent;
    internal ulong SwitchOffset => DataAt(0);
}
