using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Tests.Code.Bodies;

/// <summary>
/// A graph by plain linear sweep over a gcc-made function of this process, good enough for the tests' own C files and independent of the real parser.
/// Jump tables are recognized in the one form that gcc gives position-independent code.
/// </summary>
internal sealed unsafe class LinearGraph
{
    private readonly Function function;
    private readonly List<Instruction> all = [];
    private readonly Dictionary<ulong, JumpTable> tables = [];

    private LinearGraph(Function function)
    {
        this.function = function;
        var bytes = new ReadOnlySpan<byte>((void*)function.Start.Value, (int)function.Size).ToArray();
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes), function.Start.Value);
        while (decoder.IP < function.Range.End.Value) all.Add(decoder.Decode());
    }

    public static FunctionGraph Of(Function function) => new LinearGraph(function).Build();

    private FunctionGraph Build()
    {
        for (var i = 0; i < all.Count; i++)
        {
            if (all[i].FlowControl == FlowControl.IndirectBranch && TableBefore(i) is { } table) tables[all[i].IP] = table;
        }
        var leaders = Leaders();
        var blocks = ImmutableArray.CreateBuilder<BasicBlock>();
        var current = new List<Instruction>();
        for (var i = 0; i < all.Count; i++)
        {
            current.Add(all[i]);
            if (i + 1 < all.Count && !leaders.Contains(all[i + 1].IP)) continue;
            blocks.Add(new BasicBlock(blocks.Count, new Address(current[0].IP), [.. current], EndOf(current[^1])));
            current.Clear();
        }
        var byStart = blocks.ToDictionary(b => b.Start, b => b.Index);
        for (var i = 0; i < blocks.Count; i++) blocks[i] = blocks[i] with { Successors = SuccessorsOf(blocks[i], byStart), Table = tables.GetValueOrDefault(blocks[i].Instructions[^1].IP) };
        for (var i = 0; i < blocks.Count; i++) blocks[i] = blocks[i] with { Predecessors = [.. blocks.Where(b => b.Successors.Contains(i)).Select(b => b.Index)] };
        return new FunctionGraph(function, blocks.ToImmutable());
    }

    private HashSet<ulong> Leaders()
    {
        var leaders = new HashSet<ulong> { function.Start.Value };
        foreach (var instruction in all)
        {
            if (instruction.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch) leaders.Add(instruction.NearBranchTarget);
            if (EndOf(instruction) != BlockEnd.FallThrough) leaders.Add(instruction.NextIP);
        }
        foreach (var target in tables.Values.SelectMany(t => t.Targets)) leaders.Add(target.Value);
        return leaders;
    }

    private BlockEnd EndOf(in Instruction last) => last.FlowControl switch
    {
        FlowControl.ConditionalBranch => BlockEnd.Branch,
        FlowControl.UnconditionalBranch => function.Range.Contains(new Address(last.NearBranchTarget)) ? BlockEnd.Jump : BlockEnd.TailJump,
        FlowControl.IndirectBranch => tables.ContainsKey(last.IP) ? BlockEnd.Table : BlockEnd.IndirectTailJump,
        FlowControl.Return => BlockEnd.Return,
        FlowControl.Exception => BlockEnd.NoReturn,
        _ => BlockEnd.FallThrough,
    };

    private ImmutableArray<int> SuccessorsOf(BasicBlock block, Dictionary<Address, int> byStart)
    {
        var last = block.Instructions[^1];
        IEnumerable<Address> targets = block.End switch
        {
            BlockEnd.FallThrough => [new(last.NextIP)],
            BlockEnd.Jump => [new(last.NearBranchTarget)],
            BlockEnd.Branch => [new(last.NearBranchTarget), new(last.NextIP)],
            BlockEnd.Table => tables[last.IP].Targets.Distinct(),
            _ => [],
        };
        return [.. targets.Where(byStart.ContainsKey).Select(t => byStart[t])];
    }

    /// <summary>lea base, [rip+T] … cmp (or and) index, N … movsxd r, [base+index*4]; add r, base; jmp r.</summary>
    private JumpTable? TableBefore(int jump)
    {
        var load = all.FindLastIndex(jump, i => i.Mnemonic == Mnemonic.Movsxd && i.MemoryIndexScale == 4);
        if (load < 0) return null;
        var register = all[load].MemoryBase;
        var lea = all.FindLastIndex(load, i => i.Mnemonic == Mnemonic.Lea && i.IsIPRelativeMemoryOperand && i.Op0Register == register);
        var compare = all.FindLastIndex(load, i => i.Mnemonic is Mnemonic.Cmp or Mnemonic.And && i.Op1Kind is not (OpKind.Register or OpKind.Memory));
        if (lea < 0 || compare < 0) return null;
        var table = all[lea].IPRelativeMemoryAddress;
        var count = (int)all[compare].GetImmediate(1) + 1;
        var entries = MemoryMarshal.Cast<byte, int>(new ReadOnlySpan<byte>((void*)table, count * 4));
        var targets = ImmutableArray.CreateBuilder<Address>();
        foreach (var entry in entries) targets.Add(new Address(table) + entry);
        return new JumpTable(JumpTableKind.RelativeToTable, new Address(table), targets.ToImmutable(), new Address(all[jump].IP), new Address(all[lea].IP));
    }
}
