using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Optimize.Facts;
using KernOpt.Optimize.Guards;
using KernOpt.Target;

namespace KernOpt.Optimize.Versions;

/// <summary>
/// Proves which constants a call passes, whatever the caller was called with: for calls that may go to a version without its guard.
/// <code>
///     mov  esi, 16
///     mov  rdi, rbx
///     call F                ; passes rsi = 16
/// </code>
/// </summary>
public static class CallSiteConstants
{
    private static readonly ImmutableArray<Register> Arguments = [Register.RDI, Register.RSI, Register.RDX, Register.RCX, Register.R8, Register.R9];

    /// <summary>
    /// The argument registers that are known at the call, with 64 bits or only the low 32. Empty when none is, and when the caller cannot be analysed or never gets
    /// to the call.
    /// </summary>
    public static ImmutableArray<EntryBinding> At(FunctionGraph caller, ICodeSource source, CallSite call)
    {
        // A handler may join the code before the call with other values, and the graph does not show that way.
        if (caller.Function.HasLandingPads) return [];
        if (!BodyBuilder.Copy(caller, caller.Entry.Start, withFullEntry: false).Try(out var body, out _)) return [];
        var assumptions = new Assumptions();
        // The first block may also be reached by jumps back; what is assumed there holds on each way, so only the stack pointer's place is lost.
        var flow = FactsFlow.Solve(body, source, assumptions);
        return FactsAt(body, caller, flow, call) is { } facts ? Known(facts) : [];
    }

    private static MachineFacts? FactsAt(FunctionBody body, FunctionGraph caller, FactsFlow flow, CallSite call)
    {
        foreach (var block in body.Order)
        {
            if (flow.AtStart(block) is not { } facts) continue;
            foreach (var instruction in block.Instructions)
            {
                if (instruction.IP == call.At.Value) return facts;
                flow.Transfer.Apply(instruction, facts);
            }
            // A tail call is the block's terminator, which has no instruction of its own.
            if (call.IsTail && EndsAt(block, caller, call.At)) return facts;
        }
        return null;
    }

    private static bool EndsAt(BodyBlock block, FunctionGraph caller, Address at) =>
        caller.Blocks.FirstOrDefault(b => b.Start == block.Origin) is { Instructions: [.., var last] } && last.IP == at.Value;

    private static ImmutableArray<EntryBinding> Known(MachineFacts facts)
    {
        var known = ImmutableArray.CreateBuilder<EntryBinding>();
        foreach (var register in Arguments)
        {
            var bits = facts[register];
            if (bits.IsConstant) known.Add(new EntryBinding(register, bits.Value, 64));
            else if (bits.Trim(32) is { IsConstant: true } low) known.Add(new EntryBinding(register, low.Value, 32));
        }
        return known.ToImmutable();
    }
}
