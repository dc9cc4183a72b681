using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using KernOpt.Code.Bodies;
using KernOpt.Code.Calls;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Live.Points;
using KernOpt.Live.Points.Copying;
using KernOpt.Live.Regions;
using KernOpt.Live.Stubs;
using KernOpt.Live.Text;
using KernOpt.Target;

namespace KernOpt.Live;

/// <summary>
/// What became of a plan. Offsets: for each placement the number of its first point in <see cref="InstalledPoints"/>, -1 where the placement was refused after all;
/// Refused says why.
/// </summary>
public sealed record PointsReport(InstalledPoints Installed, IReadOnlyList<int> Offsets, IReadOnlyList<Refusal> Refused);

public sealed partial class LiveCode
{
    /// <summary>Placements that are installed at once: four changes of text each at most, so that one region's log has room for them.</summary>
    public const int MostPlacements = RegionFormat.UndoRecords / 4;

    /// <summary>With no more <see cref="Placement.Changes"/> than this in each installation a region's log has room for three.</summary>
    public const int FittingChanges = RegionFormat.UndoRecords / 3;

    private readonly ConditionalWeakTable<ModuleImage, ModuleUses> callees = [];

    /// <summary>
    /// Looks at all functions of a module, once, so that code that is put before their instructions from then on has less to save. Takes a second for some 20,000 functions; nothing is changed
    /// in the target. Refused (8004) when cancelled.
    /// </summary>
    public Outcome<Done> LearnCallees(ModuleImage module, CancellationToken cancellation)
    {
        // What a function reads is not known where its text does not show all of its ways.
        if (module.Location.HidesWays || callees.TryGetValue(module, out _)) return Done.It;
        if (!ModuleUses.Of(module, Source, f => FunctionParser.Parse(f, Source), cancellation).Try(out var uses, out var why)) return why;
        callees.AddOrUpdate(module, uses);
        return Done.It;
    }

    /// <summary>Plans where points go, around everything that is changed by now.</summary>
    public PlacementLadder Ladder()
    {
        lock (gate) return new PlacementLadder(target, Source, Sites, ChangedText().Concat(Bypassed()));
    }

    /// <summary>
    /// Puts a program before the points of a plan, all of one module, at most <see cref="MostPlacements"/>: first all code, then each placement by its own store, so that
    /// some may be refused while the others stand. Placements of one plan that share a <see cref="Placement.Page"/> must come together: the page is mapped once (else 5410). Refused with nothing changed: 5003, or what the only placement was refused for.
    /// </summary>
    public Outcome<PointsReport> InstallPoints(IReadOnlyList<Placement> placements, IPointProgram program, string text)
    {
        ArgumentOutOfRangeException.ThrowIfZero(placements.Count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(placements.Count, MostPlacements);
        if (placements.Any(p => p.Graph.Function.Module != placements[0].Graph.Function.Module)) throw new ArgumentException("placements of several modules", nameof(placements));
        var module = placements[0].Graph.Function.Module.Location.Range;
        lock (gate) return regions.InReachOf(module, region => PointsIn(region, placements, program, text));
    }

    /// <summary>Points that are in the target, whoever put them there.</summary>
    public IReadOnlyList<InstalledPoints> Points => All(EntryType.Points, (region, placed) => new InstalledPoints(region, placed));

    /// <summary>Places that lead to a region now, and padding that a thread may still be on its way through.</summary>
    private List<AddressRange> ChangedText() => [.. regions.All.SelectMany(r => r.Changes).Select(c => c.Record)
        .Where(r => r.Kind == ChangeKind.Springboard || changes.Look(r) == TextHolds.Patched).Select(r => r.Extent)];

    /// <summary>
    /// Text around points that is executed elsewhere, or completes a jump: decided by the text, for a point that could not be taken out leads away still.
    /// </summary>
    private List<AddressRange> Bypassed()
    {
        lock (gate)
        {
            var leads = regions.All.SelectMany(r => r.Changes).Where(c => c.Record.Kind == ChangeKind.Point && changes.Look(c.Record) == TextHolds.Patched).Select(c => c.Record).ToList();
            var places = leads.Select(l => l.At).ToHashSet();
            // Of a split branch the last bytes are changed.
            var owners = leads.Select(l => l.Owner).ToHashSet();
            return leads.Count == 0 ? [] : [.. Points.SelectMany(p => p.Bypassed().Where(b => b.IsReachedByOthers ? owners.Contains(p.Id) : IsLedAway(b.Text))).Select(b => b.Text),
                .. leads.Where(l => l.IsPunned).Select(l => l.Extent)];

            bool IsLedAway(AddressRange text) => Enumerable.Range(0, PlacementContext.JumpBytes).Any(i => text.Contains(text.Start + i) && places.Contains(text.Start + i));
        }
    }

    private Outcome<PointsReport> PointsIn(LiveRegion region, IReadOnlyList<Placement> placements, IPointProgram program, string text)
    {
        if (region.Changes.Count + placements.Sum(p => p.Changes) > RegionFormat.UndoRecords) return Reasons.RegionFull.With("its undo log");
        var points = placements.Sum(p => p.Points.Length);
        var bypassed = placements.SelectMany(p => p.BypassedText).ToList();
        var codeBytes = placements.Aggregate(0UL, (sum, p) => sum + PointStub.MostBytes(p, program));
        if (!region.TakeCode(codeBytes, PointStub.CacheLine).Try(out var code, out var why)) return why;
        if (!region.TakeData(InstalledPoints.DataBytes(points, program.Words, bypassed.Count, program.SharedWords)).Try(out var data, out why))
        {
            region.GiveBack(code, default);
            return why;
        }
        var work = new PointsWork(region, code, data, program, InstalledPoints.SharedAt(points, program.Words, bypassed.Count), LivenessOf);
        foreach (var placement in placements) work.Assemble(placement);
        using var stones = Stones(placements, work);
        var added = region.Add(new Entry(EntryType.Points, regions.NextId(region))
        {
            Code = code,
            Data = data,
            Site = placements[0].Leads[0].At,
            Function = placements[0].Graph.Function.Range,
            CreatedUnixMilliseconds = Now,
            Facts = InstalledPoints.Facts(points, program.Words),
            More = (ulong)bypassed.Count,
            Stones = stones?.Number ?? 0,
            Name = placements[0].Graph.Function.StableName,
            Text = text,
        });
        if (!added.Try(out var placed, out why))
        {
            region.GiveBack(code, data);
            return why;
        }
        try
        {
            return Fill(region, placed, placements, work, stones);
        }
        catch
        {
            // Nobody else knows of what is in by now.
            new RevertWork(region, changes).TakeOut(placed);
            throw;
        }
    }

    private Liveness<BasicBlock> LivenessOf(FunctionGraph graph) =>
        callees.TryGetValue(graph.Function.Module, out var uses) ? uses.LivenessOf(graph) : Liveness.WithoutConventions(graph);

    private Outcome<PointsReport> Fill(LiveRegion region, PlacedEntry placed, IReadOnlyList<Placement> placements, PointsWork work, PlannedStones? stones)
    {
        var (code, data) = (placed.Entry.Code, placed.Entry.Data);
        region.Memory.Write(data.Offset, work.Data());
        region.Memory.Write(data.Offset + work.WordBytes, InstalledPoints.Encode([.. placements.SelectMany(p => p.BypassedText)]));
        region.Memory.Write(code.Offset, work.Bytes);
        stones?.Map(work);
        for (var i = 0; i < placements.Count; i++)
        {
            if (work.StubsOf(i) is { } stubs && LeadTo(region, placed.Entry.Id, placements[i], stubs) is { } refusal) work.Refuse(i, refusal);
        }
        unpatched.Invalidate();
        if (work.Offsets.All(o => o < 0))
        {
            // Nothing led to any page. One that is still there, since no thread could be borrowed to unmap it, keeps the entry that knows of it.
            // Where a store was made and taken back a thread may have come in.
            var wasEntered = region.Changes.Any(c => c.Record.Owner == placed.Entry.Id);
            if (!wasEntered && (placed.Entry.Stones == 0 || target.UnmapStones(placed.Entry.Stones).IsDone)) region.Remove(placed);
            else region.Mark(placed, EntryState.Draining);
            return work.Refused[0];
        }
        region.Mark(placed, EntryState.Live);
        return new PointsReport(new InstalledPoints(region, placed), work.Offsets, work.Refused);
    }

    /// <summary>All its stores are made, or those that were are taken back: a part that is entered by some of its ways only would count some passages.</summary>
    private Refusal? LeadTo(LiveRegion region, ulong owner, Placement placement, Address[] stubs)
    {
        foreach (var claimed in placement.AllClaimed)
        {
            if (!changes.IsOriginal(claimed)) return Reasons.NotUnpatched.With($"at {claimed}");
        }
        var made = new List<Address>();
        foreach (var (lead, stub) in placement.Leads.Zip(stubs))
        {
            if (LeadTo(region, owner, lead, stub) is { } refusal)
            {
                foreach (var change in region.Changes.Where(c => c.Record.Owner == owner && c.Record.Kind == ChangeKind.Point && made.Contains(c.Record.At)).ToList()) changes.Undo(region, change, marks: true);
                return refusal;
            }
            made.Add(lead.StoredAt);
        }
        return null;
    }

    private Refusal? LeadTo(LiveRegion region, ulong owner, Placement placement, Address stub)
    {
        var padding = new List<NewText>();
        byte[] lead;
        if (placement.Springboard is { } way)
        {
            padding.Add(new(way, Near(NearJump, way, stub, PlacementContext.JumpBytes)));
            foreach (var hop in placement.Hops.Reverse())
            {
                padding.Add(new(hop, Short(hop, way)));
                way = hop;
            }
            lead = Short(placement.At, way);
        }
        else if (placement.Punned is { } punned) lead = punned.BytesTo(placement.Stone!.Value);
        else
        {
            var whole = Near(placement.IsCall ? NearCall : NearJump, placement.At, placement.Stone ?? stub, PlacementContext.JumpBytes);
            var own = whole.Length - placement.Padded;
            if (placement.Padded > 0) padding.Add(new(placement.At + own, whole[own..]));
            lead = whole[placement.Kept..own];
        }
        return Lead(region, ChangeKind.Point, owner, padding, new(placement.At + placement.Kept, lead));
    }

    /// <summary>The code of one installation as it grows.</summary>
    private sealed class PointsWork(LiveRegion region, Piece code, Piece data, IPointProgram program, ulong sharedAt, Func<FunctionGraph, Liveness<BasicBlock>> livenessOf)
    {
        private readonly Dictionary<FunctionGraph, Liveness<BasicBlock>> liveness = [];
        private readonly List<Address[]?> stubs = [];
        private readonly List<int> offsets = [];
        private readonly List<Refusal> refused = [];
        private ulong used;
        private int points;

        /// <summary>int3 where nothing was put.</summary>
        public byte[] Bytes { get; } = Filled(code.Length);

        public ulong WordBytes => InstalledPoints.WordBytes(points, program.Words);
        public IReadOnlyList<int> Offsets => offsets;
        public IReadOnlyList<Refusal> Refused => refused;

        /// <summary>Where each of the placement's leads goes; null where it was refused.</summary>
        public Address[]? StubsOf(int placement) => stubs[placement];

        public void Assemble(Placement placement)
        {
            if (!liveness.TryGetValue(placement.Graph, out var live)) liveness[placement.Graph] = live = livenessOf(placement.Graph);
            if (Assemble(placement, live).Try(out var stub, out var why))
            {
                var room = PointStub.MostBytes(placement, program);
                if ((ulong)stub.Bytes.Length > room) throw new InvalidOperationException($"{stub.Bytes.Length} bytes at {placement.At}, {room} were announced");
                stub.Bytes.CopyTo(Bytes, (int)used);
                var at = region.AddressOf(code.Offset + used);
                stubs.Add([.. stub.Entries.Select(e => at + (ulong)e)]);
                used += (ulong)stub.Bytes.Length;
                offsets.Add(points);
            }
            else
            {
                stubs.Add(null);
                offsets.Add(-1);
                refused.Add(why);
            }
            points += placement.Points.Length;
        }

        /// <summary>Its length is known when it is assembled; elsewhere, it is assembled again.</summary>
        private Outcome<StubCode> Assemble(Placement placement, Liveness<BasicBlock> live)
        {
            used = PointStub.Place(used, 0);
            if (!AssembleHere(placement, live).Try(out var stub, out var why)) return why;
            if (PointStub.Place(used, stub.InLine) is var place && place == used) return stub;
            used = place;
            return AssembleHere(placement, live);
        }

        private Outcome<StubCode> AssembleHere(Placement placement, Liveness<BasicBlock> live)
        {
            var (at, words, shared) = (region.AddressOf(code.Offset + used), region.AddressOf(data.Offset) + WordBytes, region.AddressOf(data.Offset + sharedAt));
            return placement.Part is { } part ? new CopyStub(part, placement.Graph, program, live, points, words, shared).Assemble(at) : PointStub.Assemble(at, placement, program, live, points, words, shared);
        }

        /// <summary>All of the data, as it is when the first thread comes.</summary>
        public byte[] Data()
        {
            var bytes = new byte[data.Length];
            for (var point = 0; point < points; point++) program.Prepare(MemoryMarshal.Cast<byte, ulong>(bytes.AsSpan(8 * program.Words * point, 8 * program.Words)));
            return bytes;
        }

        public void Refuse(int placement, Refusal why)
        {
            stubs[placement] = null;
            offsets[placement] = -1;
            refused.Add(why);
        }

        private static byte[] Filled(ulong length)
        {
            var bytes = new byte[length];
            bytes.AsSpan().Fill(0xCC);
            return bytes;
        }
    }
}
