using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// A place where passages can be counted: any instruction First..Last of a block, all of which are run equally often. IsBehindCalls: what comes back from the block's last call, where not all that goes
/// in need come back.
/// </summary>
public readonly record struct FlowMeter(int Block, int First, int Last, bool IsBehindCalls);

/// <summary>
/// What flows through a function: lines between the two sides of each block, along its edges, and from and to outside. What comes to a side leaves it (Kirchhoff), so that some lines tell the others; and a
/// set of lines tells all others if these make no circle (Knuth and Stevenson, BIT 13, 1973: the counters are what a maximum spanning tree leaves over).
/// <code>
///          ┌──── outside ◄──────┐            a block that calls may be left in its middle, by an exception, longjmp or exit, and be come back to more often than it was left
///   entry: ▼                    │            (setjmp), so its two sides are not connected:
///       before ──block──► behind ──edge──► before …      before ──enters──► outside ──leaves──► behind
/// </code>
/// </summary>
public sealed partial class FlowNetwork
{
    /// <summary>A line from one side to another: of a meter, or an edge from block to block, or to and from outside.</summary>
    private readonly record struct Line(int From, int To, int Meter, (int From, int To)? Edge);

    private readonly FunctionGraph graph;
    private readonly List<Line> lines = [];
    private readonly List<FlowMeter> meters = [];
    private readonly List<(int Enters, int Leaves)> ofBlock = [];

    private FlowNetwork(FunctionGraph graph) => this.graph = graph;

    public FunctionGraph Graph => graph;

    /// <summary>All places where it helps to count.</summary>
    public IReadOnlyList<FlowMeter> Meters => meters;

    private int Outside => 2 * graph.Blocks.Length;

    private static int Before(int block) => 2 * block;

    private static int Behind(int block) => 2 * block + 1;

    /// <param name="graph">The function.</param>
    /// <param name="entries">Where control also comes in by ways that the graph does not show.</param>
    public static FlowNetwork Of(FunctionGraph graph, IReadOnlySet<Address> entries)
    {
        var network = new FlowNetwork(graph);
        foreach (var block in graph.Blocks) network.Add(block, entries);
        return network;
    }

    private void Add(BasicBlock block, IReadOnlySet<Address> entries)
    {
        var count = block.Instructions.Length;
        var isEntered = IsEntry(block.Start) || graph.IsEntered(block);
        // In its middle control is lost, or comes in.
        var cuts = Enumerable.Range(0, count).Where(i => i > 0 && (MayNotGoOn(block.Instructions[i - 1]) || IsEntry(new Address(block.Instructions[i].IP)))).ToList();
        var callsAtItsEnd = count > 0 && MayNotGoOn(block.Instructions[^1]);
        if (cuts.Count == 0 && !callsAtItsEnd)
        {
            ofBlock.Add((lines.Count, lines.Count));
            AddMeter(new FlowMeter(block.Index, 0, Math.Max(0, count - 1), false), Before(block.Index), Behind(block.Index));
        }
        else
        {
            ofBlock.Add((lines.Count, lines.Count + 1));
            AddMeter(new FlowMeter(block.Index, 0, cuts.Count > 0 ? cuts[0] - 1 : count - 1, false), Before(block.Index), Outside);
            if (callsAtItsEnd) lines.Add(new Line(Outside, Behind(block.Index), -1, null));
            else AddMeter(new FlowMeter(block.Index, cuts[^1], count - 1, true), Outside, Behind(block.Index));
        }
        if (isEntered) lines.Add(new Line(Outside, Before(block.Index), -1, null));
        foreach (var to in block.Successors.Distinct()) lines.Add(new Line(Behind(block.Index), Before(to), -1, (block.Index, to)));
        if (!block.Exits.IsEmpty || block.Successors.IsEmpty || block.End is BlockEnd.Return or BlockEnd.TailJump or BlockEnd.IndirectTailJump or BlockEnd.NoReturn) lines.Add(new Line(Behind(block.Index), Outside, -1, null));

        bool IsEntry(Address at) => entries.Contains(at);
    }

    private void AddMeter(FlowMeter meter, int from, int to)
    {
        lines.Add(new Line(from, to, meters.Count, null));
        meters.Add(meter);
    }

    /// <summary>Calls, system calls and traps; what they do is another's.</summary>
    private static bool MayNotGoOn(in Instruction instruction) =>
        instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall or FlowControl.Interrupt or FlowControl.Exception || instruction.Mnemonic is Mnemonic.Syscall or Mnemonic.Sysenter or Mnemonic.Hlt;

    /// <summary>
    /// As few meters as tell all that all of the countable ones would tell, those that cost most left out. Lines that cannot be counted are put into the tree first, so that the others tell them.
    /// </summary>
    public IReadOnlyList<FlowMeter> Choose(Func<FlowMeter, bool> canCount, Func<FlowMeter, double> cost)
    {
        var sets = new int[Outside + 1];
        for (var i = 0; i < sets.Length; i++) sets[i] = i;
        foreach (var line in lines.Where(l => l.Meter < 0 || !canCount(meters[l.Meter]))) Join(line);
        var chosen = new List<FlowMeter>();
        foreach (var line in lines.Where(l => l.Meter >= 0 && canCount(meters[l.Meter])).OrderByDescending(l => cost(meters[l.Meter])).ThenBy(l => l.Meter).ToList())
        {
            if (!Join(line)) chosen.Add(meters[line.Meter]);
        }
        return [.. chosen.OrderBy(m => m.Block).ThenBy(m => m.First)];

        bool Join(Line line)
        {
            var (a, b) = (Root(line.From), Root(line.To));
            sets[a] = b;
            return a != b;
        }

        int Root(int node)
        {
            while (sets[node] != node) node = sets[node] = sets[sets[node]];
            return node;
        }
    }
}
