using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points.Copying;
using KernOpt.Live.Points.Punning;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>How control gets to a point's code, cheapest first.</summary>
public enum Rung
{
    /// <summary>The point's own instruction becomes a jmp rel32.</summary>
    Jump,
    /// <summary>The point's own instruction is a direct call; it calls the code instead, which goes on to the callee.</summary>
    Call,
    /// <summary>An instruction before it in the same straight run becomes a jmp rel32; what lies between is executed with the code.</summary>
    EarlierJump,
    /// <summary>An instruction after it in the same straight run becomes a jmp rel32, for code that may run there as well, or with nothing but pushes in between.</summary>
    LaterJump,
    /// <summary>The same with a direct call, that of the end of the run.</summary>
    LaterCall,
    /// <summary>The point's own instruction, or one before it, becomes a jmp rel8 to a jmp rel32 in padding, where need be by way of others.</summary>
    Springboard,
    /// <summary>
    /// Some bytes of the point's own instruction, or of one before it, are stored, and become together with others that stay a jmp rel32 to a page of its own, from where another
    /// jump leads on.
    /// </summary>
    PunnedJump,
    /// <summary>The same with a direct call.</summary>
    PunnedCall,
    /// <summary>A part of the function is executed in the region, and every way into that is led there by a store of its own, in one of the other ways.</summary>
    Copy,
}

/// <summary>
/// One instruction of a block to be replaced (Lead), and where code runs because of it, ascending, none before Lead. Springboard is the padding that a short jump goes
/// through. Bypassed instructions are executed in the region.
/// </summary>
public sealed record Placement(Rung Rung, FunctionGraph Graph, BasicBlock Block, int Lead, ImmutableArray<int> Points, Address? Springboard = null)
{
    /// <summary>For each of Points the index of the instruction that was asked for: another one where the code may run later in the same straight run, or pushes alone lie in between.</summary>
    public ImmutableArray<int> Asked { get; init; } = Points;

    /// <summary>Short jumps in padding between Lead and Springboard, in the order of the way.</summary>
    internal ImmutableArray<Address> Hops { get; init; } = [];

    /// <summary>The jump that Lead's first bytes become together with those behind them.</summary>
    internal PunnedJump? Punned { get; init; }

    /// <summary>Of a Lead that is a direct jump or call already: how many of its bytes stay as they are, and the others are stored.</summary>
    internal int Kept { get; init; }

    /// <summary>How many bytes of padding behind Lead, which is shorter than a jump, become the jump's end.</summary>
    internal int Padded { get; init; }

    /// <summary>Where a punned jump or call comes down, else null.</summary>
    public Address? Stone { get; init; }

    /// <summary>The page that this is on, or 0. Placements of one page are to be installed together.</summary>
    public Address Page => Part is not null ? Leads.Max(l => l.Page) : Stone?.AlignDown(StoneRoom.PageBytes) ?? Address.Zero;

    /// <summary>Of <see cref="Rung.Copy"/>: what is executed in the region, and how control comes there; Lead is the first of its points, and stays as it is.</summary>
    internal CopiedPart? Part { get; init; }

    /// <summary>The instructions that are replaced: itself, or the ways into its part.</summary>
    internal ImmutableArray<Placement> Leads => Part?.Ways ?? [this];

    public int StoreCount => Leads.Length;

    /// <summary>The pages that it needs, none twice.</summary>
    public IEnumerable<Address> Pages => Leads.Where(l => l.Stone is not null).Select(l => l.Page).Distinct();

    /// <summary>Where its stores go.</summary>
    public IEnumerable<Address> Stores => Leads.Select(l => l.StoredAt);

    /// <summary>The points that were asked for, in the order of their numbers.</summary>
    public ImmutableArray<Point> AskedPoints => Part?.Points ?? [.. Asked.Select(i => new Point(Block, i))];

    /// <summary>Whoever takes it out may have to wait for as long as a call lasts.</summary>
    public bool MovesCalls => Part?.Pieces.Any(p => Enumerable.Range(p.Start, p.Stop - p.Start).Any(i => p.Block.Instructions[i].FlowControl is FlowControl.Call or FlowControl.IndirectCall)) == true;

    public Instruction Instruction => Block.Instructions[Lead];
    public Address At => new(Instruction.IP);

    /// <summary>Where its store goes.</summary>
    public Address StoredAt => At + Kept;

    /// <summary>The first instruction that is executed in its old place again; Lead + 1 where only Lead is moved.</summary>
    public int Resume => Math.Max(Lead + 1, Points[^1]);

    public bool IsCall => Rung is Rung.Call or Rung.LaterCall or Rung.PunnedCall;

    /// <summary>How many changes of text it is: its own, and padding.</summary>
    public int Changes => Leads.Sum(l => 1 + (l.Springboard is null ? 0 : 1 + l.Hops.Length) + (l.Padded > 0 ? 1 : 0));

    /// <summary>All text that is executed in the region instead; of a part's, those where control comes in by other pieces alone are told apart.</summary>
    internal IEnumerable<(AddressRange Text, bool IsReachedByOthers)> BypassedText => Part is null ? [(Bypassed, false)] : Part.Pieces.Select(p => (p.Text, p.Way is null));

    /// <summary>What must be as it is in the file, and stays nobody else's.</summary>
    internal IEnumerable<AddressRange> AllClaimed => Part is null ? [Claimed] : Part.Pieces.Select(p => p.Text).Where(t => t.Length > 0).Concat(Leads.Select(l => l.Claimed));

    /// <summary>Of one lead: what is no longer executed in its old place.</summary>
    public AddressRange Bypassed => AddressRange.Between(At, new Address(Block.Instructions[Resume - 1].NextIP));

    /// <summary>That, and the bytes behind it that complete a punned jump, or become the end of one: nothing else may be changed there.</summary>
    public AddressRange Claimed => Punned is { Extent: var extent } && extent.End > Bypassed.End ? extent : AddressRange.Between(Bypassed.Start, Bypassed.End + Padded);
}
