using System.Numerics;
using Iced.Intel;
using KernOpt.Probes.Language;

namespace KernOpt.Probes.Actions;

/// <summary>
/// Where a call or a jump through a pointer is about to go, as a value before it. The instruction itself reads the same bytes at once, and a program that our read kills was about to die by the same access.
/// </summary>
internal static class CallTarget
{
    /// <summary>Null for direct calls, and where the operand is addressed in a way that the language has not (segments, 32-bit addresses).</summary>
    public static Expression? Of(in Instruction call)
    {
        if (call.FlowControl is not (FlowControl.IndirectCall or FlowControl.IndirectBranch)) return null;
        if (call.Op0Kind == OpKind.Register) return call.Op0Register.IsGPR64() ? new RegisterValue(call.Op0Register) : null;
        if (call.Op0Kind != OpKind.Memory || call.HasSegment() || call.MemorySize is not (MemorySize.QwordOffset or MemorySize.UInt64)) return null;
        return AddressOf(call) is { } address ? new Load(new IntegerType(8, false), address) : null;
    }

    private static bool HasSegment(this in Instruction call) => call.MemorySegment is Register.FS or Register.GS;

    private static Expression? AddressOf(in Instruction call)
    {
        if (call.IsIPRelativeMemoryOperand) return new Number(call.IPRelativeMemoryAddress);
        Expression? sum = null;
        if (call.MemoryBase != Register.None)
        {
            if (!call.MemoryBase.IsGPR64()) return null;
            sum = new RegisterValue(call.MemoryBase);
        }
        if (call.MemoryIndex != Register.None)
        {
            if (!call.MemoryIndex.IsGPR64()) return null;
            Expression index = new RegisterValue(call.MemoryIndex);
            if (call.MemoryIndexScale > 1) index = new BinaryOperation(BinaryOperator.ShiftLeft, index, new Number((ulong)BitOperations.Log2((uint)call.MemoryIndexScale)));
            sum = sum is null ? index : new BinaryOperation(BinaryOperator.Add, sum, index);
        }
        if (sum is null) return null;
        // Displacements are sign-extended: adding modulo 2^64 is the same.
        return call.MemoryDisplacement64 == 0 ? sum : new BinaryOperation(BinaryOperator.Add, sum, new Number(call.MemoryDisplacement64));
    }
}
