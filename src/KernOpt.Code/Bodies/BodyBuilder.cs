using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Target;

namespace KernOpt.Code.Bodies;

/// <summary>Makes the identity version of a function: the same instructions, free to be changed and moved.</summary>
public static class BodyBuilder
{
    /// <summary>
    /// Copies a function so that <c>Entries[0]</c> starts at <paramref name="site"/>, an instruction of the entry block; what runs before it has run
    /// when control comes in. With <paramref name="withFullEntry"/>, <c>Entries[1]</c> is the function's own entry.
    /// <code>
    ///     F: push rbx                          (full entry)  b0: push rbx ; goto b1
    ///     S: mov  ebx, esi          =>         (at the site) b1: mov ebx, esi …
    /// </code>
    /// A jump back to the function's start goes to the full entry. Calls to the function itself keep calling the original.
    /// A jump table becomes the copy's own when the instruction that loads its address is in every path of the copy; else the
    /// jump goes on into the original code. <c>bnd</c> and hint prefixes of direct jumps are dropped: they have no effect without MPX.
    /// </summary>
    /// <param name="results">Registers that callers read after a call, besides those that are live at every return.</param>
    public static Outcome<FunctionBody> Copy(FunctionGraph graph, Address site, bool withFullEntry, LiveSet results = default) =>
        new BodyCopier(graph, site, withFullEntry, Liveness.AtReturn | KeptRegisters.Of(graph) | results).Run();
}

/// <summary>The work of one <see cref="BodyBuilder.Copy"/>.</summary>
internal sealed class BodyCopier(FunctionGraph graph, Address site, bool withFullEntry, LiveSet atReturn)
{
    private readonly FunctionBody body = new(graph.Function);
    private readonly Dictionary<int, BodyBlock> starts = [];
    private readonly Dictionary<Address, BodyBlock> exits = [];

    public Outcome<FunctionBody> Run()
    {
        var entry = graph.Entry;
        var from = entry.Instructions.ToList().FindIndex(i => i.IP == site.Value);
        if (from < 0) return Reasons.SiteNotInEntryBlock.With($"{site} in {graph.Function}");
        var isWhole = from > 0 && (withFullEntry || !entry.Predecessors.IsEmpty);
        var head = MakeBlocks(isWhole, from);
        body.Entries.Add(head);
        if (withFullEntry) body.Entries.Add(starts[entry.Index]);

        foreach (var block in graph.Blocks)
        {
            if (CopyBlock(block, block.Index == entry.Index ? head : starts[block.Index], block.Index == entry.Index ? from : 0) is { } why) return why;
        }
        if (isWhole)
        {
            var prefix = starts[entry.Index];
            prefix.Instructions.AddRange(entry.Instructions.Take(from));
            prefix.End = new Terminator.Goto(head);
        }
        body.Rebuild();
        return body;
    }

    /// <summary>One body block per block, in the order of addresses; the entry block is split at the site. Answers the block at the site.</summary>
    private BodyBlock MakeBlocks(bool isWhole, int from)
    {
        BodyBlock? head = null;
        foreach (var block in graph.Blocks)
        {
            if (block.Index != graph.Entry.Index)
            {
                starts[block.Index] = body.NewBlock(block.Start);
                continue;
            }
            if (isWhole) starts[block.Index] = body.NewBlock(block.Start);
            head = body.NewBlock(site);
            if (!isWhole) starts[block.Index] = head;
        }
        return head ?? throw new InvalidOperationException("a graph without its entry block");
    }

    private Refusal? CopyBlock(BasicBlock block, BodyBlock into, int from)
    {
        foreach (var instruction in block.Instructions)
        {
            if (!MeansTheSameElsewhere(instruction)) return Reasons.UncopyableInstruction.With($"{instruction} at {instruction.IP:x}");
        }
        var last = block.Instructions[^1];
        var isTransfer = last.FlowControl is FlowControl.UnconditionalBranch or FlowControl.ConditionalBranch or FlowControl.IndirectBranch or FlowControl.Return;
        var count = block.Instructions.Length - (isTransfer ? 1 : 0);
        for (var i = from; i < count; i++) into.Instructions.Add(block.Instructions[i]);
        if (EndOf(block, last) is not { } end) return Reasons.IncompleteGraph.With($"{block.End} at {last.IP:x} in {graph.Function}");
        into.End = end;
        return null;
    }

    private Terminator? EndOf(BasicBlock block, in Instruction last) => last.FlowControl switch
    {
        FlowControl.UnconditionalBranch => JumpTo(block, new Address(last.NearBranchTarget)),
        FlowControl.ConditionalBranch when last.ConditionCode != ConditionCode.None && last.IsJccShortOrNear =>
            new Terminator.Branch(last.ConditionCode, BlockFor(block, last.NearBranchTarget), BlockFor(block, last.NextIP)),
        FlowControl.ConditionalBranch => new Terminator.CounterBranch(last, BlockFor(block, last.NearBranchTarget), BlockFor(block, last.NextIP)),
        FlowControl.IndirectBranch when block.Table is { } table => TableEnd(last, table),
        FlowControl.IndirectBranch => block.End == BlockEnd.IndirectTailJump ? new Terminator.IndirectExit(last) : null,
        FlowControl.Return => new Terminator.Return(last) { Live = atReturn },
        _ => block.End switch
        {
            BlockEnd.NoReturn => new Terminator.Unreachable(),
            // A block may run on into another function's bytes (a shared tail): that is an exit.
            BlockEnd.FallThrough or BlockEnd.RunsOut => JumpTo(block, new Address(last.NextIP)),
            _ => null,
        },
    };

    private Terminator JumpTo(BasicBlock block, Address to) =>
        Successor(block, to) is { } inside ? new Terminator.Goto(inside) : new Terminator.Exit(to);

    private BodyBlock? Successor(BasicBlock block, Address at)
    {
        foreach (var index in block.Successors)
        {
            if (graph.Blocks[index].Start == at) return starts[index];
        }
        return null;
    }

    /// <summary>The block at an address, or one that holds nothing but the way out to it.</summary>
    private BodyBlock BlockFor(BasicBlock block, ulong target)
    {
        var at = new Address(target);
        if (Successor(block, at) is { } inside) return inside;
        if (exits.TryGetValue(at, out var exit)) return exit;
        exit = body.NewBlock();
        exit.End = new Terminator.Exit(at);
        return exits[at] = exit;
    }

    private Terminator? TableEnd(in Instruction jump, JumpTable table)
    {
        var cases = new List<BodyBlock>(table.Targets.Length);
        foreach (var target in table.Targets)
        {
            if (graph.Blocks.FirstOrDefault(b => b.Start == target) is not { } block) return null;
            cases.Add(starts[block.Index]);
        }
        return new Terminator.Table(jump, table, cases, CanOwn(jump, table));
    }

    /// <summary>Whether the instruction that holds the table's address is in the copy and nowhere before its entry.</summary>
    private bool CanOwn(in Instruction jump, JumpTable table)
    {
        if (TableAnchor.Of(table, jump) is not { } anchor) return false;
        foreach (var instruction in graph.Entry.Instructions)
        {
            if (instruction.IP >= site.Value) break;
            if (instruction.IP == anchor.Value) return false;
        }
        return graph.Blocks.Any(b => b.Instructions.Any(i => i.IP == anchor.Value && TableAnchor.Holds(i, table.Table)));
    }

    private bool MeansTheSameElsewhere(in Instruction instruction)
    {
        if (instruction.IsInvalid || instruction.MemoryBase == Register.EIP) return false;
        if (instruction.FlowControl == FlowControl.XbeginXabortXend && instruction.Mnemonic == Mnemonic.Xbegin) return false;
        if (instruction.FlowControl != FlowControl.Call) return true;
        // A call of an address inside the function that is not its entry takes its own return address (get-pc) or shares the frame.
        if (instruction.Op0Kind != OpKind.NearBranch64) return instruction.OpCount == 0;
        var target = new Address(instruction.NearBranchTarget);
        return target == graph.Function.Start || !graph.Function.Range.Contains(target);
    }
}
