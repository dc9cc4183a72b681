using KernOpt.Live.Regions;
using KernOpt.Live.Stubs;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// One revert in one region: switches to the original, then call sites, then function entries, then points. Springboards and memory are left to
/// <see cref="Reclamation"/>, since a thread may be on its way through them. In a region that is inherited only this target's own text is touched: switches,
/// records and entries are the parent's. In a damaged one nothing but whole undo records is used.
/// </summary>
internal sealed class RevertWork(LiveRegion region, TextChanges changes)
{
    private readonly List<Refusal> problems = [];

    public IReadOnlyList<Refusal> Problems => problems;
    public int Restored { get; private set; }
    public int Dropped { get; private set; }

    private bool IsOurs => region.Status == RegionStatus.Usable;

    public void TakeOutAll()
    {
        if (region.Status == RegionStatus.Damaged) problems.Add(Reasons.RegionDamaged.With($"{region.Range}"));
        if (IsOurs)
        {
            foreach (var redirect in Of(EntryType.Redirect)) SwitchToOriginal(redirect);
        }
        foreach (var change in region.Changes.Where(c => c.Record.Kind == ChangeKind.CallSite).ToList()) Undo(change);
        foreach (var change in region.Changes.Where(c => c.Record.Kind == ChangeKind.Entry).ToList()) Undo(change);
        foreach (var change in region.Changes.Where(c => c.Record.Kind == ChangeKind.Point).ToList()) Undo(change);
        if (!IsOurs) return;
        foreach (var placed in region.Entries) Drain(placed);
    }

    public void TakeOut(PlacedEntry placed)
    {
        switch (placed.Entry.Type)
        {
            case EntryType.Redirect:
                TakeOutRedirect(placed);
                break;
            case EntryType.Version or EntryType.Probe:
                TakeOutArm(placed);
                break;
            case EntryType.Call:
                TakeOutCall(placed);
                break;
            case EntryType.Points:
                foreach (var change in ChangesOf(placed, ChangeKind.Point)) Undo(change);
                Drain(placed);
                break;
        }
    }

    private void TakeOutRedirect(PlacedEntry redirect)
    {
        if (IsOurs) SwitchToOriginal(redirect);
        var arms = region.Entries.Where(p => p.Entry.Parent == redirect.Entry.Id && p.Entry.Type is EntryType.Version or EntryType.Probe).ToList();
        foreach (var call in Of(EntryType.Call).Where(c => arms.Exists(a => a.Entry.Id == c.Entry.Parent))) TakeOutCall(call);
        foreach (var change in ChangesOf(redirect, ChangeKind.Entry)) Undo(change);
        foreach (var arm in arms) Drain(arm);
        Drain(redirect);
    }

    private void TakeOutArm(PlacedEntry arm)
    {
        var parent = region.Entries.FirstOrDefault(p => p.Entry.Id == arm.Entry.Parent && p.Entry.Type == EntryType.Redirect);
        if (parent is null)
        {
            Drain(arm);
            return;
        }
        var probesInto = Of(EntryType.Probe).Where(p => p.Entry.Parent == parent.Entry.Id && p.Entry.More >> 8 == arm.Entry.Id).ToList();
        var going = probesInto.Append(arm).ToList();
        var stays = region.Entries.Any(p =>
            p.Entry.Parent == parent.Entry.Id && p.Entry.Type is EntryType.Version or EntryType.Probe && p.State == EntryState.Live && !going.Contains(p));
        if (!stays)
        {
            TakeOutRedirect(parent);
            return;
        }
        if (IsOurs && going.Exists(g => IsSwitchedTo(parent, g))) SwitchToOriginal(parent);
        foreach (var call in Of(EntryType.Call).Where(c => c.Entry.Parent == arm.Entry.Id)) TakeOutCall(call);
        foreach (var gone in going) Drain(gone);
    }

    private void TakeOutCall(PlacedEntry call)
    {
        if (IsOurs) region.Memory.Store(call.Entry.Data.Offset, call.Entry.Function.Start.Value);
        foreach (var change in ChangesOf(call, ChangeKind.CallSite)) Undo(change);
        Drain(call);
    }

    private void SwitchToOriginal(PlacedEntry redirect)
    {
        region.Memory.Store(redirect.Entry.Data.Offset + RedirectCode.SwitchAt, redirect.Entry.Plain.Value);
        foreach (var call in Of(EntryType.Call).Where(c => c.Entry.Function.Start == redirect.Entry.Function.Start))
            region.Memory.Store(call.Entry.Data.Offset, call.Entry.Function.Start.Value);
    }

    private bool IsSwitchedTo(PlacedEntry redirect, PlacedEntry arm)
    {
        var leadsTo = region.Memory.Load(redirect.Entry.Data.Offset + RedirectCode.SwitchAt);
        return leadsTo == arm.Entry.Plain.Value || leadsTo == arm.Entry.Counted.Value;
    }

    private void Undo(LoggedChange change)
    {
        if (!changes.Undo(region, change, marks: IsOurs).Try(out var held, out var why)) problems.Add(why);
        else if (held == TextHolds.Patched) Restored++;
        else if (held == TextHolds.ModuleGone) Dropped++;
    }

    private void Drain(PlacedEntry placed)
    {
        if (IsOurs) region.Mark(placed, EntryState.Draining);
    }

    private List<PlacedEntry> Of(EntryType type) => [.. region.Entries.Where(p => p.Entry.Type == type)];

    private List<LoggedChange> ChangesOf(PlacedEntry owner, ChangeKind kind) =>
        [.. region.Changes.Where(c => c.Record.Owner == owner.Entry.Id && c.Record.Kind == kind)];
}
