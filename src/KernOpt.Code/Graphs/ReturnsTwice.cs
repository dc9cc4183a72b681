using System.Collections.Frozen;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// setjmp, getcontext, vfork and their kind: functions that may return more than once into the same frame. Known by name, also through the loader's slots, and,
/// where a program is stripped, by what they cannot do without.
/// <code>
///     mov [rdi],    rbx             vfork:  pop  rdi           ; the return address leaves the stack, which the child shares
///     mov [rdi+16], r12                     mov  eax, 58
///     mov [rdi+24], r13                     syscall
///     mov [rdi+32], r14
/// </code>
/// </summary>
internal sealed class ReturnsTwice(ICodeSource source)
{
    /// <summary>An ordinary function has pushed callee-saved registers by then, or has no reason to store so many of them behind its first argument.</summary>
    private const int FewestSaved = 4;

    /// <summary>In bytes: the longest of glibc, musl and BoringSSL's kind saves its registers within this.</summary>
    private const int Looked = 160;

    /// <summary>setjmp is a jump to sigsetjmp, and may itself be reached by one.</summary>
    private const int MostJumps = 3;

    private static readonly FrozenSet<string> Names = FrozenSet.ToFrozenSet(
        ["setjmp", "_setjmp", "__setjmp", "sigsetjmp", "__sigsetjmp", "vfork", "__vfork", "__libc_vfork", "getcontext", "__getcontext", "swapcontext", "__swapcontext", "savectx"]);

    private static readonly Register[] CalleeSaved = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];

    public bool Is(CalledPlace called) => called.IsNamed(Names, source) || (called.Target is { } target && HasShape(target));

    private bool HasShape(Address target)
    {
        HashSet<Register> saved = [];
        bool popped = false, isVfork = false;
        var bytes = new byte[Looked];
        for (var jumps = 0; jumps <= MostJumps; jumps++)
        {
            var decoder = Decoder.Create(64, new ByteArrayCodeReader(bytes, 0, source.Read(target, bytes)));
            decoder.IP = target.Value;
            Instruction i;
            do
            {
                decoder.Decode(out i);
                if (i.IsInvalid || i.Mnemonic == Mnemonic.Push) return false;
                popped |= i.Mnemonic == Mnemonic.Pop;
                isVfork |= i.Mnemonic == Mnemonic.Mov && i.Op0Register == Register.EAX && i.Op1Kind == OpKind.Immediate32 && i.Immediate32 == VforkNumber;
                if (i.Mnemonic == Mnemonic.Syscall && popped && isVfork) return true;
                var isStore = i.Mnemonic == Mnemonic.Mov && i.Op0Kind == OpKind.Memory && i.MemoryBase == Register.RDI && i.MemoryIndex == Register.None;
                if (isStore && CalleeSaved.Contains(i.Op1Register) && saved.Add(i.Op1Register) && saved.Count >= FewestSaved) return true;
            }
            while (i.FlowControl is FlowControl.Next or FlowControl.ConditionalBranch);
            if (i.FlowControl != FlowControl.UnconditionalBranch || i.Op0Kind != OpKind.NearBranch64) return false;
            target = new Address(i.NearBranchTarget);
        }
        return false;
    }

    /// <summary>vfork(2) on x86-64.</summary>
    private const uint VforkNumber = 58;
}
