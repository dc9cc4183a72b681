using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Calls;

/// <summary>Effects of the instructions of one module's functions, calls of its own functions apart, which are told by number. Nothing is known of all other callees but <see cref="LinkerStubs"/>.</summary>
internal sealed class CallEffects(IReadOnlyDictionary<Address, int> numbers, LinkerStubs stubs)
{
    public const int NoCallee = -1;

    private static readonly Effects BeforeKnown = new(StrictEffects.Unwound, LiveSet.Empty, LiveSet.Empty, MemoryEffect.None, true);

    /// <summary>Callee: the function that the instruction calls. What that does is not among the effects.</summary>
    public Effects Of(FunctionGraph graph, in Instruction instruction, out int callee)
    {
        callee = NoCallee;
        if (!graph.IsUnwoundInto) return IsCall(instruction) ? OfCall(instruction, out callee) : RepeatedEffects.Of(instruction);
        // A faulting instruction may lead to a landing pad, too (-fnon-call-exceptions).
        var effects = IsCall(instruction) ? OfCall(instruction, out callee) : RepeatedEffects.Of(instruction);
        return effects with { Reads = effects.Reads | StrictEffects.Unwound };
    }

    /// <summary>The function that begins there, or what is known of what else does.</summary>
    public CalleeUse UseOf(Address target, out int callee)
    {
        callee = numbers.TryGetValue(target, out var number) ? number : NoCallee;
        return callee == NoCallee && stubs.IsStub(target) ? LinkerStubs.Use : CalleeUse.Unknown;
    }

    /// <summary>
    /// Of a block that ends in no successor: nothing can follow. Not said of one that ends with a call of the module's own functions, which tell by themselves whether they return: then they keep
    /// nothing. The parser believes it of any call that has nothing behind it.
    /// </summary>
    public bool EndsForGood(BasicBlock block)
    {
        var last = block.Instructions[^1];
        return IsCall(last) && !(last.Op0Kind == OpKind.NearBranch64 && numbers.ContainsKey(new Address(last.NearBranchTarget)));
    }

    public static bool IsCall(in Instruction instruction) =>
        instruction.Mnemonic == Mnemonic.Call && instruction.FlowControl is FlowControl.Call or FlowControl.IndirectCall;

    private Effects OfCall(in Instruction instruction, out int callee)
    {
        callee = NoCallee;
        if (instruction.Op0Kind != OpKind.NearBranch64) return StrictEffects.OfCall(CalleeUse.Unknown);
        var use = UseOf(new Address(instruction.NearBranchTarget), out callee);
        return callee == NoCallee ? StrictEffects.OfCall(use) : BeforeKnown;
    }
}
